"""Priority: the name of a PriorityClass becomes a number; one class only may be the default."""

from __future__ import annotations

from collections.abc import Hashable

from kubepy.api.resources import PODS, PRIORITY_CLASSES
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import MAIN, NOTHING, Plugin
from kubepy.apiserver.cacher import CacheEvent, Entry, ResourceCache
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj


class Priority(Plugin):
    """Changes pods, checks classes."""

    resources = frozenset({PODS, PRIORITY_CLASSES})
    subresources = MAIN

    def __init__(self, classes: ResourceCache) -> None:
        self._classes = classes
        self._found: list[Entry] | None = None  # the default classes; None: to be looked for
        classes.add_listener(self._forget)

    def _forget(self, _: CacheEvent) -> None:
        self._found = None

    def handles(self, attributes: Attributes) -> bool:
        """New pods; any write of a class."""
        return attributes.operation == "CREATE" or attributes.gvr == PRIORITY_CLASSES

    def premise(self, attributes: Attributes) -> Hashable | None:
        """The pod's class as it is."""
        name = attributes.object["spec"].get("priorityClassName")
        return self._classes.get(name) if name else self._default() or NOTHING

    async def mutate(self, attributes: Attributes) -> None:
        """Fill in spec.priority and preemptionPolicy of a pod."""
        if attributes.gvr != PODS:
            return
        spec = attributes.object["spec"]
        name = spec.get("priorityClassName")
        chosen: Obj = {}
        if name:
            entry = self._classes.get(name)
            if entry is None:
                detail = f"no PriorityClass with name {name} was found"
                raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
            chosen = entry.obj
        else:
            default = self._default()
            if default is not None:
                chosen = default.obj
                spec["priorityClassName"] = default.name
        value = chosen.get("value", 0)
        self._agree(attributes, "priority", "integer value of priority", value)
        policy = chosen.get("preemptionPolicy") or "PreemptLowerPriority"
        self._agree(attributes, "preemptionPolicy", "string value of PreemptionPolicy", policy)

    def _default(self) -> Entry | None:
        if self._found is None:
            self._found = [e for e in self._classes.entries.values() if e.obj.get("globalDefault")]
        return min(self._found, key=lambda e: e.obj["value"]) if self._found else None

    @staticmethod
    def _agree(attributes: Attributes, field: str, words: str, computed: object) -> None:
        spec = attributes.object["spec"]
        given = spec.get(field)
        if given is not None and given != computed:
            detail = (
                f"the {words} ({given}) must not be provided in pod spec; priority admission controller "
                f"computed {computed} from the given PriorityClass name"
            )
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
        spec[field] = computed

    async def validate(self, attributes: Attributes) -> None:
        """Refuse a second default class."""
        if attributes.gvr != PRIORITY_CLASSES or not attributes.object.get("globalDefault"):
            return
        other = self._default()
        if other is not None and other.name != attributes.name:
            detail = f"PriorityClass {other.name} has already marked as default. Only one default can exist"
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
