"""Things that select pods by namespace and labels, found from a pod's side. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from kubepy.machinery.labels import Selector


class Selects(Protocol):
    """Speaks of the pods of `namespaces` (None: maybe of any) that `selector` matches."""

    @property
    def namespaces(self) -> frozenset[str] | None: ...

    @property
    def selector(self) -> Selector: ...


T = TypeVar("T", bound=Selects)
_Pair = tuple[str, str]


class LabelIndex(Generic[T]):
    """Thousands of selectors, of which a pod meets the few that name one of its labels (or none)."""

    def __init__(self) -> None:
        self._places: dict[tuple[str | None, _Pair | None], dict[int, T]] = {}

    def add(self, item: T) -> None:
        for place in self._of(item):
            self._places.setdefault(place, {})[id(item)] = item

    def remove(self, item: T) -> None:
        for place in self._of(item):
            items = self._places.get(place)
            if items is not None:
                items.pop(id(item), None)
                if not items:
                    del self._places[place]

    def selecting(self, namespace: str, labels: dict[str, str]) -> Iterator[T]:
        """Those that select a pod, as far as their namespaces are known."""
        places = self._places
        if not places:
            return
        pairs: list[_Pair | None] = [None, *labels.items()]
        for where in (namespace, None):
            for pair in pairs:
                for item in places.get((where, pair), {}).values():
                    if item.selector.matches(labels):
                        yield item

    def _of(self, item: T) -> list[tuple[str | None, _Pair | None]]:
        pair: _Pair | None = None
        for requirement in item.selector.requirements:
            if requirement.operator in ("=", "in") and len(requirement.values) == 1:
                pair = requirement.key, requirement.values[0]
                break
        if item.namespaces is None:
            return [(None, pair)]
        return [(namespace, pair) for namespace in item.namespaces]
