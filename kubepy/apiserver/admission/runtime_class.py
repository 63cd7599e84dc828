"""RuntimeClass: what a pod's runtime costs, and on which nodes it is."""

from __future__ import annotations

from collections.abc import Hashable

from kubepy.api.resources import PODS
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import MAIN, NOTHING, Plugin
from kubepy.apiserver.cacher import ResourceCache
from kubepy.machinery import errors


class RuntimeClass(Plugin):
    """Changes new pods that name a class."""

    resources = frozenset({PODS})
    subresources = MAIN
    operations = frozenset({"CREATE"})

    def __init__(self, classes: ResourceCache) -> None:
        self._classes = classes

    def handles(self, attributes: Attributes) -> bool:
        """New pods with a runtimeClassName."""
        return bool((attributes.object.get("spec") or {}).get("runtimeClassName"))

    def premise(self, attributes: Attributes) -> Hashable | None:
        """The class as it is."""
        name = attributes.object["spec"].get("runtimeClassName")
        return self._classes.get(name) if name else NOTHING

    async def mutate(self, attributes: Attributes) -> None:
        """Take over overhead and scheduling of the class."""
        spec = attributes.object["spec"]
        name = spec["runtimeClassName"]
        entry = self._classes.get(name)
        if entry is None:
            detail = f'pod rejected: RuntimeClass "{name}" not found'
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
        overhead = (entry.obj.get("overhead") or {}).get("podFixed")
        if overhead:
            if spec.get("overhead") not in (None, overhead):
                detail = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
                raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
            spec["overhead"] = dict(overhead)
        scheduling = entry.obj.get("scheduling") or {}
        selector = spec.get("nodeSelector") or {}
        for key, value in (scheduling.get("nodeSelector") or {}).items():
            if selector.get(key, value) != value:
                detail = f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                detail += f"pod.spec.nodeSelector[{key}] = {selector[key]}"
                raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
            spec.setdefault("nodeSelector", {})[key] = value
        present = spec.get("tolerations") or []
        added = [t for t in scheduling.get("tolerations") or () if t not in present]
        if added:
            spec["tolerations"] = [*present, *added]
