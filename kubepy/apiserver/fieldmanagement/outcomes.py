"""What a change makes of the record of managers, remembered: a controller's writes are mostly alike.

Which fields each manager owns afterwards follows from those that each owned before, the fields that were
changed, and the writer. Times have no part in that and are filled in anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from kubepy.machinery.apply import managers
from kubepy.machinery.apply.managers import Identity
from kubepy.machinery.apply.updating import Comparison
from kubepy.machinery.meta import Obj
from kubepy.util.memo import Memo

_REMEMBERED = 256
_LARGEST_KEY = 16 * 1024
_NOW = -1


class _Part(NamedTuple):
    """An entry without its time, None for one that stays as it was; which of the former entries has the time.

    That is _NOW for the moment of the change.
    """

    entry: Obj | None
    time_of: int


class Outcomes:
    """Those of one kind in one version."""

    def __init__(self, api_version: str) -> None:
        self._api_version = api_version
        self._known: Memo[bytes, tuple[_Part, ...]] = Memo(_REMEMBERED)

    def key(self, before: Any, change: Comparison, writer: Identity) -> bytes:
        """What the outcome of a change of the entries `before` depends on; b"" when on still more.

        Entries of other versions go when their version does, and among too many the times decide which are
        counted together.
        """
        if not before or len(before) >= managers.MAX_UPDATERS:
            return b""
        parts = []
        for entry in before:
            if entry.get("apiVersion") != self._api_version:
                return b""
            parts.append({**entry, "time": None} if "time" in entry else entry)
        key = orjson.dumps((parts, (*change,), (*writer,)))
        return key if len(key) <= _LARGEST_KEY else b""

    def find(self, key: bytes, before: list[Obj], now: str) -> list[Obj] | None:
        """The entries that the change leaves; None when the outcome is not known."""
        parts = self._known.get(key) if key else None
        if parts is None:
            return None
        entries = []
        for entry, time_of in parts:
            if entry is None:
                entries.append(before[time_of])
                continue
            time = now if time_of == _NOW else before[time_of].get("time")
            entries.append(dict(entry) if time is None else {**entry, "time": time})
        return managers.in_order(entries)

    def remember(self, key: bytes, before: list[Obj], after: list[Obj], writer: Identity | None) -> None:
        """The entries that a change has left; `writer` is whose time is new, None for nobody's."""
        if not key:
            return
        places = {_identity(entry): index for index, entry in enumerate(before)}
        renewed = None if writer is None else (writer.manager, writer.operation, writer.subresource)
        parts = []
        for entry in after:
            place = _NOW if _identity(entry) == renewed else places[_identity(entry)]
            if place != _NOW and _same(entry, before[place]):
                parts.append(_Part(None, place))
            else:
                parts.append(_Part({name: value for name, value in entry.items() if name != "time"}, place))
        self._known[key] = tuple(parts)


def _same(entry: Obj, before: Obj) -> bool:
    """True when not even the order of fields has changed."""
    fields = entry["fieldsV1"] is before.get("fieldsV1")
    return fields and list(entry.items()) == list(before.items())


def _identity(entry: Obj) -> tuple[str, str, str]:
    return entry.get("manager") or "", entry["operation"], entry.get("subresource") or ""
