"""Where requests come from: the changes of a resource, each mapped to the objects it concerns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kubepy.informer import SharedInformer, SharedInformerFactory
from kubepy.machinery import meta
from kubepy.machinery.gvk import GK, GVK, GVR, parse_api_version
from kubepy.machinery.meta import Obj
from kubepy.operator.predicate import EventType, Predicate
from kubepy.operator.reconcile import Request

MapFunc = Callable[[Obj], Iterable[Request]]


@dataclass(frozen=True)
class Source:
    """Changes of `gvr` that pass `predicate`, made requests by `map_fn` (of an update: old and new)."""

    gvr: GVR
    map_fn: MapFunc
    predicate: Predicate | None = None
    namespace: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None

    def start(self, factory: SharedInformerFactory, enqueue: Callable[[Request], None]) -> SharedInformer:
        """Feed `enqueue` from the factory's informer."""
        informer = factory.informer(
            self.gvr,
            namespace=self.namespace,
            label_selector=self.label_selector,
            field_selector=self.field_selector,
        )

        def handle(event: EventType, old: Obj | None, new: Obj | None) -> None:
            if self.predicate is not None and not self.predicate(event, old, new):
                return
            for obj in (old, new):
                if obj is not None and not (obj is new and new is old):
                    for request in self.map_fn(obj):
                        enqueue(request)

        def on_update(old: Obj, new: Obj) -> None:
            handle("update", None if old is new else old, new)

        informer.add_handler(
            lambda obj: handle("add", None, obj), on_update, lambda obj: handle("delete", obj, None)
        )
        return informer


def to_self(obj: Obj) -> Iterable[Request]:
    """The object itself."""
    return (Request.of(obj),)


def to_owner(owner_kind: GVK | GK, *, controller_only: bool = True) -> MapFunc:
    """The owner of that kind (any version), by default only the controlling one."""

    def map_fn(obj: Obj) -> Iterable[Request]:
        for reference in meta.owner_references(obj):
            group, _ = parse_api_version(reference.get("apiVersion") or "")
            if (group, reference.get("kind")) != (owner_kind.group, owner_kind.kind):
                continue
            if reference.get("controller") or not controller_only:
                yield Request(meta.namespace(obj), reference.get("name") or "")

    return map_fn
