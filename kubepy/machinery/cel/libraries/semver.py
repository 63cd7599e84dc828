"""Semantic versions (semver.org, 2.0.0)."""

from __future__ import annotations

import re
from typing import ClassVar

from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import function, method, traversal
from kubepy.machinery.cel.types import Type

_NUMBER = r"(?:0|[1-9]\d*)"
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_SYNTAX = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIERS}))?(?:\+({_IDENTIFIERS}))?", re.ASCII
)
_CORE = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?((?:[-+].*)?)", re.ASCII)
_Key = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


class Semver:
    """A version; build metadata has no part in comparing."""

    __slots__ = ("key",)
    cel_type: ClassVar = Type("kubernetes.Semver")

    def __init__(self, key: _Key) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semver) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _parse(text: str, *, normalize: bool) -> Semver:
    match = _SYNTAX.fullmatch(_normalized(text) if normalize else text)
    if match is None:
        raise EvaluationError(f"semver parse error during conversion from string: invalid version {text!r}")
    identifiers = match[4].split(".") if match[4] else []
    if any(part.isdigit() and len(part) > 1 and part[0] == "0" for part in identifiers):
        raise EvaluationError(
            "semver parse error during conversion from string:"
            f" Numeric PreRelease version must not contain leading zeroes {match[4]!r}"
        )
    # Numbers come before words, and a version with a pre-release before the one without.
    pre = tuple((False, int(part), "") if part.isdigit() else (True, 0, part) for part in identifiers)
    return Semver((int(match[1]), int(match[2]), int(match[3]), not pre, pre))


def _normalized(text: str) -> str:
    match = _CORE.fullmatch(text)
    if match is None:
        return text
    numbers = ".".join(str(int(part or "0")) for part in match.groups()[:3])
    return numbers + match[4]


@function(
    "semver(string) -> kubernetes.Semver", "semver(string, bool) -> kubernetes.Semver", cost=traversal(0)
)
def semver(text: str, normalize: bool = False) -> Semver:
    return _parse(text, normalize=normalize)


@function("isSemver(string) -> bool", "isSemver(string, bool) -> bool", cost=traversal(0))
def is_semver(text: str, normalize: bool = False) -> bool:
    try:
        _parse(text, normalize=normalize)
    except EvaluationError:
        return False
    return True


@method("kubernetes.Semver.major() -> int")
def major(value: Semver) -> int:
    return value.key[0]


@method("kubernetes.Semver.minor() -> int")
def minor(value: Semver) -> int:
    return value.key[1]


@method("kubernetes.Semver.patch() -> int")
def patch(value: Semver) -> int:
    return value.key[2]


@method("kubernetes.Semver.isGreaterThan(kubernetes.Semver) -> bool")
def is_greater(value: Semver, other: Semver) -> bool:
    return value.key > other.key


@method("kubernetes.Semver.isLessThan(kubernetes.Semver) -> bool")
def is_less(value: Semver, other: Semver) -> bool:
    return value.key < other.key


@method("kubernetes.Semver.compareTo(kubernetes.Semver) -> int")
def compare(value: Semver, other: Semver) -> int:
    return (value.key > other.key) - (value.key < other.key)
