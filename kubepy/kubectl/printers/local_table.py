"""A table of names and ages, for servers (or flags) that leave the making of tables to the client."""

from __future__ import annotations

from kubepy.kubectl.printers import items_of
from kubepy.machinery import meta, tables, timestamps
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

_COLUMNS = (tables.Column("Name", format="name"), tables.Column("Age"))


def of(obj: Obj, clock: Clock) -> Obj:
    """The Table of an object or a list."""
    rows = [
        tables.row(
            [meta.name(item), timestamps.human_age(meta.creation_timestamp(item), clock.now())],
            item,
            include_object="Object",
        )
        for item in items_of(obj)
    ]
    return tables.table(_COLUMNS, rows)
