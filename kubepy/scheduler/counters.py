"""Columns of pods: how many pods that a selector matches each node has, kept in step pod by pod. Pure.

`PodCounter` answers an incoming pod's question (how many of *those* are there?); `TermCounter` holds what
pods that are there ask of the incoming one (anti-affinity to it, preference for it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kubepy.machinery.labels import Selector
from kubepy.scheduler.label_index import LabelIndex
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Ints
from kubepy.scheduler.pod_info import PodInfo, PodShape, PodTerm

MAX_COUNTERS = 512
TermKind = Literal["anti-affinity", "affinity", "preferred-affinity", "preferred-anti-affinity"]


@dataclass(eq=False)
class PodCounter:
    """Pods in `namespaces` that match `selector`, per row."""

    namespaces: frozenset[str] | None
    selector: Selector
    terminating_too: bool
    counts: Ints
    used: int = 0


@dataclass(eq=False)
class TermCounter:
    """Pods that have `term`, per row."""

    kind: TermKind
    term: PodTerm
    counts: Ints
    total: int = 0

    @property
    def namespaces(self) -> frozenset[str] | None:
        return self.term.namespaces if self.term.namespace_selector is None else None

    @property
    def selector(self) -> Selector:
        return self.term.selector


class Counters:
    """All columns of pods of one table."""

    def __init__(self, capacity: int, pods: Callable[[], Iterator[tuple[int, PodInfo]]]) -> None:
        self._capacity = capacity
        self._pods = pods
        self._uses = 0
        self._by_key: dict[tuple[frozenset[str], Selector, bool], PodCounter] = {}
        self._index: LabelIndex[PodCounter] = LabelIndex()
        self._terms: dict[tuple[TermKind, PodTerm], TermCounter] = {}
        self._term_index: LabelIndex[TermCounter] = LabelIndex()

    def resize(self, capacity: int) -> None:
        more = capacity - self._capacity
        self._capacity = capacity
        for counter in self._by_key.values():
            counter.counts = np.concatenate([counter.counts, np.zeros(more, np.int64)])
        for term in self._terms.values():
            term.counts = np.concatenate([term.counts, np.zeros(more, np.int64)])

    def count(self, pod: PodInfo, row: int, sign: int) -> None:
        """A pod more (1) or less (-1) on the node of `row`."""
        shape = pod.shape
        for counter in self._index.selecting(shape.namespace, shape.labels):
            if counter.terminating_too or not pod.terminating:
                counter.counts[row] += sign
        for kind, term in _terms(shape):
            self._count_term(kind, term, row, sign)

    def matching(self, namespaces: frozenset[str], selector: Selector, *, terminating_too: bool) -> Ints:
        """The pods of these namespaces that the selector matches, per row. Not to be changed."""
        key = (namespaces, selector, terminating_too)
        counter = self._by_key.get(key)
        if counter is None:
            counter = self._new_counter(namespaces, selector, terminating_too)
            self._by_key[key] = counter
        self._uses += 1
        counter.used = self._uses
        return counter.counts

    def terms_about(self, shape: PodShape, namespace_labels: dict[str, str]) -> Iterator[TermCounter]:
        """The terms of pods that are there which speak of a pod of this shape."""
        for counter in self._term_index.selecting(shape.namespace, shape.labels):
            if counter.namespaces is not None or counter.term.matches(
                shape.namespace, shape.labels, namespace_labels
            ):
                yield counter

    def _new_counter(
        self, namespaces: frozenset[str], selector: Selector, terminating_too: bool
    ) -> PodCounter:
        if len(self._by_key) >= MAX_COUNTERS:
            self._forget_some()
        counter = PodCounter(namespaces, selector, terminating_too, np.zeros(self._capacity, np.int64))
        for row, pod in self._pods():
            shape = pod.shape
            if (
                shape.namespace in namespaces
                and (terminating_too or not pod.terminating)
                and selector.matches(shape.labels)
            ):
                counter.counts[row] += 1
        self._index.add(counter)
        return counter

    def _forget_some(self) -> None:
        oldest = sorted(self._by_key.items(), key=lambda item: item[1].used)[: MAX_COUNTERS // 4]
        for key, counter in oldest:
            self._index.remove(counter)
            del self._by_key[key]

    def _count_term(self, kind: TermKind, term: PodTerm, row: int, sign: int) -> None:
        key = (kind, term)
        counter = self._terms.get(key)
        if counter is None:
            counter = self._terms[key] = TermCounter(kind, term, np.zeros(self._capacity, np.int64))
            self._term_index.add(counter)
        counter.counts[row] += sign
        counter.total += sign
        if not counter.total:
            self._term_index.remove(counter)
            del self._terms[key]


def _terms(shape: PodShape) -> list[tuple[TermKind, PodTerm]]:
    found: list[tuple[TermKind, PodTerm]] | None = shape.memo.get("terms")
    if found is None:
        kinds: list[tuple[TermKind, tuple[PodTerm, ...]]] = [
            ("anti-affinity", shape.anti_affinity),
            ("affinity", shape.affinity),
            ("preferred-affinity", shape.preferred_affinity),
            ("preferred-anti-affinity", shape.preferred_anti_affinity),
        ]
        found = shape.memo["terms"] = [(kind, term) for kind, terms in kinds for term in terms]
    return found


def rows_of(infos: list[NodeInfo | None]) -> Iterator[tuple[int, PodInfo]]:
    """Every pod with its node's row."""
    for info in infos:
        if info is not None:
            for pod in info.pods.values():
                yield info.row, pod
