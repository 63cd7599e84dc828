"""Which printer a resource has. Printers are made when first asked for: their texts stand in the schema."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

from kubepy.api.printers import autoscaling, core, networking, policy, storage, workloads
from kubepy.api.printers.base import Printer, doc, name_column, name_of
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.tables import Column

PRINTERS: dict[GVR, Callable[[], Printer]] = {
    **core.PRINTERS,
    **workloads.PRINTERS,
    **networking.PRINTERS,
    **storage.PRINTERS,
    **autoscaling.PRINTERS,
    **policy.PRINTERS,
}

_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def _default_row(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), (obj.get("metadata") or {}).get("creationTimestamp")]


@functools.cache
def default_printer() -> Printer:
    """Return the printer of kinds that have none: the client turns the date into an age."""
    created = Column("Created At", type="date", description=doc(_META, "creationTimestamp"))
    return Printer([name_column(), created], _default_row)


@functools.cache
def printer(gvr: GVR) -> Printer:
    """Return the printer of a resource, of any group."""
    make = PRINTERS.get(gvr)
    return make() if make is not None else default_printer()
