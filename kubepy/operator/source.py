"""Where requests come from: the changes of a resource, each mapped to the objects it concerns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kubepy.informer import SharedInformer, SharedInformerFactory
from kubepy.machinery import meta
from kubepy.machinery.gvk import GK, GVK, GVR, parse_api_version
from kubepy.machinery.meta import Obj
from kubepy.operator.predicate import EventType, Predicate
from kubepy.operator.reconcile import Request
from kubepy.workqueue import LOW_PRIORITY

MapFunc = Callable[[Obj], Iterable[Request]]
#: Takes a request and its priority.
Enqueue = Callable[[Request, int], None]


@dataclass(frozen=True)
class Source:
    """Changes of `gvr` that pass `predicate`, made requests by `map_fn` (of an update: old and new).

    The selectors and `metadata_only` say what is cached at all. Requests have `priority`, or a low one where
    they come from the first list or a resync.
    """

    gvr: GVR
    map_fn: MapFunc
    predicate: Predicate | None = None
    namespace: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None
    metadata_only: bool = False
    priority: int = 0

    def informer(self, factory: SharedInformerFactory) -> SharedInformer:
        """The factory's informer that this source listens to."""
        return factory.informer(
            self.gvr,
            namespace=self.namespace,
            label_selector=self.label_selector,
            field_selector=self.field_selector,
            metadata_only=self.metadata_only,
        )

    def start(self, factory: SharedInformerFactory, enqueue: Enqueue) -> SharedInformer:
        """Feed `enqueue` from the factory's informer."""
        informer = self.informer(factory)
        low = min(self.priority, LOW_PRIORITY)
        told_all = False

        def handle(event: EventType, old: Obj | None, new: Obj | None, priority: int) -> None:
            if self.predicate is not None and not self.predicate(event, old, new):
                return
            for obj in (old, new):
                if obj is not None:
                    for request in self.map_fn(obj):
                        enqueue(request, priority)

        def on_add(obj: Obj) -> None:
            handle("add", None, obj, self.priority if told_all and informer.has_synced else low)

        def on_update(old: Obj, new: Obj) -> None:
            if old is new:
                handle("update", None, new, low)
            else:
                handle("update", old, new, self.priority)

        informer.add_handler(on_add, on_update, lambda obj: handle("delete", obj, None, self.priority))
        told_all = True
        return informer


def to_self(obj: Obj) -> Iterable[Request]:
    """The object itself."""
    return (Request.of(obj),)


def to_owner(owner_kind: GVK | GK, *, controller_only: bool = True, cluster_scoped: bool = False) -> MapFunc:
    """The owner of that kind (any version), by default only the controlling one."""

    def map_fn(obj: Obj) -> Iterable[Request]:
        for reference in meta.owner_references(obj):
            group, _ = parse_api_version(reference.get("apiVersion") or "")
            if (group, reference.get("kind")) != (owner_kind.group, owner_kind.kind):
                continue
            if reference.get("controller") or not controller_only:
                namespace = "" if cluster_scoped else meta.namespace(obj)
                yield Request(namespace, reference.get("name") or "")

    return map_fn
