"""Moulds: what becomes of a body is found out once, and cast for those that differ only in the name.

Most pods of a cluster come from a template. What decoding, defaulting, admission, validation and the record
of managers make of such a body follows from the body without the name, from a few headers, and from what
admission goes by (`Plugin.premise`). The outcome of one create is a mould once another create, made the long
way too, has had the same outcome but for name, uid and time; from then on such objects are cast from it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from kubepy.apiserver.admission.attributes import Attributes, Premises
from kubepy.apiserver.registry.pattern import Pattern, is_plain
from kubepy.apiserver.requests import Context
from kubepy.machinery.meta import Obj, deep_copy
from kubepy.machinery.timestamps import rfc3339
from kubepy.util.clock import Clock
from kubepy.util.memo import Memo
from kubepy.util.uids import uuid4

_LARGEST = 16 * 1024  # bytes of a body
_MOULDS = 128
_SEEN = 512
_TRIES = 8


class Cast(NamedTuple):
    """A new object: its name, its JSON as it is stored, and whether the server made up the name."""

    name: str
    stored: bytes
    generated: bool


class _Shape:
    """The JSON of a stored object with places for what is its own: each value stands there once."""

    __slots__ = ("_order", "_text")

    def __init__(self, stored: bytes, own: Sequence[bytes]) -> None:
        parts = re.split(b'"(%b)"' % b"|".join(map(re.escape, own)), stored)
        self._order = [own.index(value) for value in parts[1::2]]
        self._text = b'"%b"'.join(part.replace(b"%", b"%%") for part in parts[::2])

    def fill(self, own: Sequence[bytes]) -> bytes:
        """The JSON with these."""
        return self._text % tuple([own[index] for index in self._order])


@dataclass(slots=True)
class _Mould:
    """The outcome of a create. `attributes` are as they were before admission."""

    pattern: Pattern
    attributes: Attributes
    premises: tuple[Hashable, ...]
    shape: _Shape
    warnings: list[str]
    proved: bool = False


@dataclass(slots=True)
class Trial:
    """A create that takes the long way, and is looked at."""

    moulds: Moulds
    pattern: Pattern
    body: bytes
    attributes: Attributes
    premises: tuple[Hashable, ...]

    def succeeded(self, obj: Obj, stored: bytes) -> None:
        """The object that was made, also as it is stored."""
        metadata = obj["metadata"]
        own = self.pattern.of_made(metadata)
        own += metadata["uid"].encode(), metadata["creationTimestamp"].encode()
        self.moulds.learn(self, own, stored)


class Moulds:
    """Those of one resource: the ones made last."""

    def __init__(self, premises: Premises, clock: Clock) -> None:
        self._premises = premises
        self._clock = clock
        self._at: dict[str, list[_Mould]] = {}  # by path
        self._all: dict[Pattern, _Mould] = {}
        self._seen: Memo[int, int] = Memo(_SEEN)  # by hash: how often such a request took the long way

    def cast(self, context: Context, body: bytes) -> Cast | None:
        """The object of a create; None when it has to take the long way."""
        if len(body) > _LARGEST or context.annotations is not None:
            return None  # with annotations somebody audits, and plugins may have something to say
        for mould in self._at.get(context.info.path, ()):
            own = mould.pattern.read(context, body) if mould.proved else None
            if own is None:
                continue
            name = mould.pattern.name_of(own)
            if name is None or not all(map(is_plain, own)):
                return None
            mould.attributes.context = context
            if self._premises(mould.attributes) != mould.premises:
                return None
            for warning in mould.warnings:
                context.warn(warning)
            own += uuid4().encode(), rfc3339(self._clock.time()).encode()
            return Cast(name, mould.shape.fill(own), bool(mould.pattern.generate_name))
        return None

    def trial(self, body: bytes, attributes: Attributes) -> Trial | None:
        """Look at a create before admission; None when nothing can be learned from it."""
        context = attributes.context
        if len(body) > _LARGEST or context.annotations is not None:
            return None
        pattern = Pattern.of(context, body, attributes.object["metadata"])
        if pattern is None:
            return None
        key = hash(pattern)
        seen = self._seen.get(key) or 0
        self._seen[key] = seen + 1
        if not 0 < seen <= _TRIES:  # most come once; some never come out alike
            return None
        premises = self._premises(attributes)
        if premises is None or not pattern.is_sound(body):
            return None
        before = replace(attributes, obj=deep_copy(attributes.object), _reinvocation=None)
        return Trial(self, pattern, body, before, premises)

    def learn(self, trial: Trial, own: Sequence[bytes], stored: bytes) -> None:
        """Make a mould of the outcome, or prove the one there is."""
        pattern, attributes = trial.pattern, trial.attributes
        warnings = list(attributes.context.warnings)
        if self._premises(attributes) != trial.premises:  # they changed on the way
            return
        known = self._all.get(pattern)
        if known is not None:
            alike = known.premises == trial.premises and known.warnings == warnings
            if alike and known.shape.fill(own) == stored:
                known.proved = True
                self._seen[hash(pattern)] = 1
                return
            self._forget(known)
        if _is_once(own, trial.body, stored):
            mould = self._all[pattern] = _Mould(
                pattern, attributes, trial.premises, _Shape(stored, own), warnings
            )
            self._at.setdefault(pattern.path, []).append(mould)
            if len(self._all) > _MOULDS:
                self._forget(next(iter(self._all.values())))

    def _forget(self, mould: _Mould) -> None:
        path = mould.pattern.path
        del self._all[mould.pattern]
        self._at[path] = [other for other in self._at[path] if other is not mould]
        if not self._at[path]:
            del self._at[path]


def _is_once(own: Sequence[bytes], body: bytes, stored: bytes) -> bool:
    """True when what is the object's own is nowhere else in it."""
    *once, created = (b'"%b"' % value for value in own)
    return all(stored.count(value) == 1 for value in once) and created not in body
