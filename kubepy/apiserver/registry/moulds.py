"""Moulds: what becomes of a body is found out for the first, and cast for those that differ only in the name.

Most pods of a cluster come from a template. What decoding, defaulting, admission, validation and the record
of managers make of such a body follows from the body without the name, from a few headers, and from what
admission goes by (`Plugin.premise`). The outcome of one create is a mould once another create, made the long
way too, has had the same outcome but for name, uid and time; from then on such objects are cast from it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import orjson

from kubepy.apiserver.admission.attributes import Attributes, Premises
from kubepy.apiserver.requests import Context
from kubepy.machinery import names
from kubepy.machinery.meta import Obj, deep_copy
from kubepy.machinery.timestamps import rfc3339
from kubepy.util.clock import Clock
from kubepy.util.memo import Memo
from kubepy.util.uids import uuid4

_LARGEST = 16 * 1024
_MOULDS = 128
_SEEN = 512
_TRIES = 8
# A name that no rule and no warning is about; text that stands in JSON as it is.
_NAME = re.compile(rb"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?").fullmatch
_TEXT = re.compile(rb"[ !#-\[\]-~]{0,1024}").fullmatch
# Annotations that say something to Kubernetes.
_MEANINGFUL = re.compile(r"(?:.*\.)?(?:kubernetes|k8s)\.io/.*").fullmatch


class Cast(NamedTuple):
    """A new object: its name, its JSON as it is stored, and whether the server made up the name."""

    name: str
    stored: bytes
    generated: bool


class _Sent(NamedTuple):
    """A request to create something, but for what is the object's own: that belongs between the pieces."""

    path: str
    query: str
    content_type: str | None
    agent: str | None
    pieces: tuple[bytes, ...]
    own: tuple[str, ...]  # what is between them: the name as "", annotations by their names
    generate_name: str  # of a name to be made up

    @classmethod
    def of(cls, context: Context, body: bytes, metadata: Obj) -> _Sent | None:
        """None for an object whose name cannot be told from the rest."""
        headers = context.headers
        asked = context.info.path, context.query.text, headers.get("Content-Type"), headers.get("User-Agent")
        name, generate_name = metadata.get("name"), metadata.get("generateName") or ""
        annotations = (metadata.get("annotations") or {}).items()
        candidates = {key: value for key, value in annotations if not _MEANINGFUL(key)}
        found = sorted(_places(body, {"": name, **candidates} if name else candidates))
        own = tuple(key for _, _, key in found)
        if ("" not in own) if name else not generate_name:
            return None
        cuts = [0, *(place for start, end, _ in found for place in (start, end)), len(body)]
        pieces = tuple(body[start:end] for start, end in zip(cuts[::2], cuts[1::2], strict=True))
        return cls(*asked, pieces, own, "" if name else generate_name)

    def is_sound(self, body: bytes) -> bool:
        """True when other values between the pieces are the values of another object, and nothing else."""
        if not self.own:
            return True
        others = [f"n{uuid4()}" for _ in self.own]
        try:
            obj, other = orjson.loads(body), orjson.loads(self._filled(others))
        except orjson.JSONDecodeError:  # YAML, or whatever else was understood
            return False
        metadata = obj["metadata"]
        for key, value in zip(self.own, others, strict=True):
            if key:
                metadata["annotations"][key] = value
            else:
                metadata["name"] = value
        return bool(obj == other)

    def _filled(self, own: Sequence[str]) -> bytes:
        values = [value.encode() for value in own]
        return b"".join(part for pair in zip(self.pieces, [*values, b""], strict=True) for part in pair)

    def read(self, context: Context, body: bytes) -> list[bytes] | None:
        """What the object has between the pieces; None for another request."""
        headers = context.headers
        if (
            not body.startswith(self.pieces[0])
            or context.query.text != self.query
            or headers.get("User-Agent") != self.agent
            or headers.get("Content-Type") != self.content_type
        ):
            return None
        values: list[bytes] = []
        place = len(self.pieces[0])
        for piece in self.pieces[1:]:
            end = body.find(b'"', place)
            if not body.startswith(piece, end):  # each begins with the quotation mark
                return None
            values.append(body[place:end])
            place = end + len(piece)
        return values if place == len(body) else None

    def name_of(self, own: list[bytes]) -> str | None:
        """The name among what is the object's own, or a new one, which is added; None for an odd one."""
        if self.generate_name:
            own.append(names.generate_name(self.generate_name).encode())
            name = own[-1]
        else:
            name = own[self.own.index("")]
        return name.decode() if _NAME(name) else None


def _places(body: bytes, values: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Where the body has these strings, of those that it has once and that need no escapes."""
    for key, value in values.items():
        text = value.encode()
        quoted = b'"%b"' % text
        if _TEXT(text) and body.count(quoted) == 1:
            start = body.index(quoted) + 1
            yield start, start + len(text), key


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

    sent: _Sent
    attributes: Attributes
    premises: tuple[Hashable, ...]
    shape: _Shape
    warnings: list[str]
    proved: bool = False


@dataclass(slots=True)
class Trial:
    """A create that takes the long way, and is looked at."""

    moulds: Moulds
    sent: _Sent
    body: bytes
    attributes: Attributes
    premises: tuple[Hashable, ...]

    def succeeded(self, obj: Obj, stored: bytes) -> None:
        """The object that was made, also as it is stored."""
        metadata = obj["metadata"]
        of = [metadata["annotations"].get(key, "") if key else metadata["name"] for key in self.sent.own]
        if self.sent.generate_name:
            of.append(metadata["name"])
        of += metadata["uid"], metadata["creationTimestamp"]
        self.moulds.learn(self, [value.encode() for value in of], stored)


class Moulds:
    """Those of one resource: the ones made last."""

    def __init__(self, premises: Premises, clock: Clock) -> None:
        self._premises = premises
        self._clock = clock
        self._at: dict[str, list[_Mould]] = {}  # by path
        self._all: dict[_Sent, _Mould] = {}
        self._seen: Memo[int, int] = Memo(_SEEN)  # by hash: how often such a request took the long way

    def cast(self, context: Context, body: bytes) -> Cast | None:
        """The object of a create; None when it has to take the long way."""
        if len(body) > _LARGEST:
            return None
        for mould in self._at.get(context.info.path, ()):
            own = mould.sent.read(context, body)
            if own is None:
                continue
            if not mould.proved or context.annotations is not None:
                return None  # with annotations somebody audits, and plugins may have to say something
            name = mould.sent.name_of(own)
            if name is None or not all(map(_TEXT, own)):
                return None
            mould.attributes.context = context
            if self._premises(mould.attributes) != mould.premises:
                return None
            for warning in mould.warnings:
                context.warn(warning)
            own += uuid4().encode(), rfc3339(self._clock.time()).encode()
            return Cast(name, mould.shape.fill(own), bool(mould.sent.generate_name))
        return None

    def trial(self, body: bytes, attributes: Attributes) -> Trial | None:
        """Look at a create before admission; None when nothing can be learned from it."""
        context = attributes.context
        if len(body) > _LARGEST or context.annotations is not None:
            return None
        sent = _Sent.of(context, body, attributes.object["metadata"])
        if sent is None:
            return None
        key = hash(sent)
        seen = self._seen.get(key) or 0
        self._seen[key] = seen + 1
        if not 0 < seen <= _TRIES:  # most come once; some never come out alike
            return None
        premises = self._premises(attributes)
        if premises is None or not sent.is_sound(body):
            return None
        before = replace(attributes, obj=deep_copy(attributes.object), _reinvocation=None)
        return Trial(self, sent, body, before, premises)

    def learn(self, trial: Trial, own: Sequence[bytes], stored: bytes) -> None:
        """Make a mould of the outcome, or prove the one there is."""
        sent, attributes = trial.sent, trial.attributes
        warnings = list(attributes.context.warnings)
        if self._premises(attributes) != trial.premises:  # they changed on the way
            return
        known = self._all.get(sent)
        if known is not None:
            alike = known.premises == trial.premises and known.warnings == warnings
            if alike and known.shape.fill(own) == stored:
                known.proved = True
                self._seen[hash(sent)] = 1
                return
            self._forget(known)
        if _is_once(own, trial.body, stored):
            mould = self._all[sent] = _Mould(sent, attributes, trial.premises, _Shape(stored, own), warnings)
            self._at.setdefault(sent.path, []).append(mould)
            if len(self._all) > _MOULDS:
                self._forget(next(iter(self._all.values())))

    def _forget(self, mould: _Mould) -> None:
        path = mould.sent.path
        del self._all[mould.sent]
        self._at[path] = [other for other in self._at[path] if other is not mould]
        if not self._at[path]:
            del self._at[path]


def _is_once(own: Sequence[bytes], body: bytes, stored: bytes) -> bool:
    """True when what is the object's own is nowhere else in it."""
    *once, created = (b'"%b"' % value for value in own)
    return all(stored.count(value) == 1 for value in once) and created not in body
