"""The objects of one resource in memory, found by key, namespace or index."""

from collections.abc import Callable, Iterable

from kubepy.machinery import meta
from kubepy.machinery.labels import Selector
from kubepy.machinery.meta import Obj

IndexFunc = Callable[[Obj], Iterable[str]]
NAMESPACE_INDEX = "namespace"


class Indexer:
    """A keyed store; each index maps a value to the objects for which its function gave that value."""

    def __init__(self) -> None:
        self._objects: dict[str, Obj] = {}
        self._functions: dict[str, IndexFunc] = {}
        # index name -> value -> keys (a dict as an ordered set)
        self._indices: dict[str, dict[str, dict[str, None]]] = {}
        self._values: dict[str, dict[str, tuple[str, ...]]] = {}
        self.add_index(NAMESPACE_INDEX, lambda obj: [meta.namespace(obj)])

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, key: object) -> bool:
        return key in self._objects

    def keys(self) -> list[str]:
        return list(self._objects)

    def get(self, key: str) -> Obj | None:
        return self._objects.get(key)

    def objects(self) -> list[Obj]:
        return list(self._objects.values())

    def add_index(self, name: str, function: IndexFunc) -> None:
        """May be called at any time; the same name twice is a ValueError."""
        if name in self._functions:
            raise ValueError(f"index {name!r} exists already")
        self._functions[name] = function
        self._indices[name] = {}
        self._values[name] = {}
        for key, obj in self._objects.items():
            self._index(name, key, obj)

    def has_index(self, name: str) -> bool:
        return name in self._functions

    def by_index(self, name: str, value: str) -> list[Obj]:
        """Raises KeyError for an index that does not exist."""
        return [self._objects[key] for key in self._indices[name].get(value, ())]

    def put(self, obj: Obj) -> Obj | None:
        """Store it; returns what it replaced."""
        key = meta.key(obj)
        old = self._objects.get(key)
        self._objects[key] = obj
        for name in self._functions:
            self._index(name, key, obj)
        return old

    def remove(self, key: str) -> Obj | None:
        """Take it out; returns it."""
        old = self._objects.pop(key, None)
        if old is not None:
            for name in self._functions:
                self._unindex(name, key)
        return old

    def _index(self, name: str, key: str, obj: Obj) -> None:
        values = tuple(dict.fromkeys(self._functions[name](obj)))
        if self._values[name].get(key) == values:
            return
        self._unindex(name, key)
        self._values[name][key] = values
        for value in values:
            self._indices[name].setdefault(value, {})[key] = None

    def _unindex(self, name: str, key: str) -> None:
        for value in self._values[name].pop(key, ()):
            keys = self._indices[name][value]
            keys.pop(key, None)
            if not keys:
                del self._indices[name][value]


class Lister:
    """Reads a cache. What it returns is shared: copy before changing it."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer

    def get(self, name: str, namespace: str | None = None) -> Obj | None:
        return self._indexer.get(meta.make_key(namespace or "", name))

    def list(self, namespace: str | None = None, selector: Selector | None = None) -> list[Obj]:
        objects = self._indexer.by_index(NAMESPACE_INDEX, namespace) if namespace else self._indexer.objects()
        if selector is None or selector.empty:
            return objects
        return [obj for obj in objects if selector.matches(meta.labels(obj))]
