"""Completion indexes: of pods, and as the ranges that a status holds ("1,3-5"). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
IGNORED_FAILURE_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"


def index_of(pod: Obj) -> int | None:
    """The completion index in the pod's annotation; None without a sound one."""
    text = meta.annotations(pod).get(INDEX, "")
    return int(text) if text.isdigit() else None


def parse_ranges(text: str | None, limit: int) -> set[int]:
    """The indexes below ``limit`` of "1,3-5"."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            found.update(range(int(first), min(int(last or first) + 1, limit)))
    return found


def format_ranges(indexes: Iterable[int]) -> str:
    """ "1,3-5" of {1, 3, 4, 5}; two neighbours are written "3,4"."""
    ordered = sorted(indexes)
    parts: list[str] = []
    start = 0
    for at in range(1, len(ordered) + 1):
        if at < len(ordered) and ordered[at] == ordered[at - 1] + 1:
            continue
        first, last = ordered[start], ordered[at - 1]
        if first == last:
            parts.append(str(first))
        else:
            parts.append(f"{first}{',' if last == first + 1 else '-'}{last}")
        start = at
    return ",".join(parts)


def pending(taken: AbstractSet[int | None], completions: int) -> Iterator[int]:
    """Indexes that nobody works on, lowest first."""
    return (index for index in range(completions) if index not in taken)


def failure_count(pod: Obj) -> int:
    """How many pods of the index failed before this one."""
    return _number(pod, FAILURE_COUNT)


def ignored_failure_count(pod: Obj) -> int:
    """As ``failure_count``, those that podFailurePolicy ignored."""
    return _number(pod, IGNORED_FAILURE_COUNT)


def _number(pod: Obj, annotation: str) -> int:
    text = meta.annotations(pod).get(annotation, "0")
    return int(text) if text.isdigit() else 0
