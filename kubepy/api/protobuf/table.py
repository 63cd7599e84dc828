"""Field numbers of Kubernetes' protobuf messages: the wire format that Go clients speak.

`messages.txt` has a line per message: `name=number`. A `*` behind the number marks a field that is a pointer
in Go, so that a zero on the wire was said on purpose; without it a zero means "not set". `+Message=number` is
a message whose fields stand in the parent's JSON themselves. Where the numbers come from, and how they are
checked, is told in docs/decisions/0007-protobuf-numbers.md.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).with_name("messages.txt")


class Field(NamedTuple):
    """A field of a message: its JSON name, or the message that is `inline`."""

    name: str
    inline: bool
    pointer: bool


@functools.cache
def messages() -> dict[str, dict[int, Field]]:
    """Definition name -> field number -> field; read when first asked for."""
    found: dict[str, dict[int, Field]] = {}
    package = ""
    for line in _FILE.read_text().splitlines():
        if line.startswith("["):
            package = line.strip("[]")
        elif line:
            message, *entries = line.split()
            found[f"{package}.{message}"] = dict(map(_entry, entries))
    return found


def _entry(text: str) -> tuple[int, Field]:
    name, _, number = text.partition("=")
    return int(number.rstrip("*")), Field(name.lstrip("+"), name.startswith("+"), number.endswith("*"))
