"""A request to create something, without what is the object's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from kubepy.apiserver.requests import Context
from kubepy.machinery import names
from kubepy.machinery.meta import Obj
from kubepy.util.uids import uuid4

# A name that no rule and no warning is about; text that stands in JSON as it is.
_NAME = re.compile(rb"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?").fullmatch
is_plain = re.compile(rb"[ !#-\[\]-~]{0,1024}").fullmatch
# Annotations that say something to Kubernetes.
_MEANINGFUL = re.compile(r"(?:.*\.)?(?:kubernetes|k8s)\.io/.*").fullmatch


class Pattern(NamedTuple):
    """A request to create something, but for what is the object's own: that belongs between the pieces."""

    path: str
    query: str
    content_type: str | None
    agent: str | None
    pieces: tuple[bytes, ...]
    own: tuple[str, ...]  # what is between them: the name as "", annotations by their names
    generate_name: str  # of a name to be made up

    @classmethod
    def of(cls, context: Context, body: bytes, metadata: Obj) -> Pattern | None:
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

    def of_made(self, metadata: Obj) -> list[bytes]:
        """What is the own of an object that was made: as `read` and `name_of` give it."""
        annotations, name = metadata.get("annotations") or {}, metadata["name"]
        own = [(annotations.get(key, "") if key else name).encode() for key in self.own]
        return [*own, name.encode()] if self.generate_name else own

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
        if is_plain(text) and body.count(quoted) == 1:
            start = body.index(quoted) + 1
            yield start, start + len(text), key
