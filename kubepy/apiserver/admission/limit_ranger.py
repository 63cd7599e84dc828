"""LimitRanger: defaults for containers' resources, and their least and greatest values."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import MAIN, NOTHING, Plugin
from kubepy.apiserver.cacher import ObjectSelector, ResourceCache
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

_ANNOTATION = "kubernetes.io/limit-ranger"


class LimitRanger(Plugin):
    """Changes and checks new pods, checks new claims."""

    resources = frozenset({PODS, PERSISTENT_VOLUME_CLAIMS})
    subresources = MAIN
    operations = frozenset({"CREATE", "UPDATE"})

    def __init__(self, limit_ranges: ResourceCache) -> None:
        self._limit_ranges = limit_ranges

    def handles(self, attributes: Attributes) -> bool:
        """New pods, and claims, while there are limits at all."""
        if not self._limit_ranges.entries:
            return False
        if attributes.gvr == PODS and attributes.operation == "UPDATE":
            return False  # what a pod's containers want stays as it is
        return not attributes.object["metadata"].get("deletionTimestamp")

    def _limits(self, attributes: Attributes) -> Iterator[Obj]:
        for entry in self._limit_ranges.select(ObjectSelector(attributes.namespace)):
            yield from (entry.obj.get("spec") or {}).get("limits") or ()

    def premise(self, attributes: Attributes) -> Hashable | None:
        """The limits as they are."""
        if not self._limit_ranges.entries:
            return NOTHING
        return tuple(self._limit_ranges.select(ObjectSelector(attributes.namespace)))

    async def mutate(self, attributes: Attributes) -> None:
        """Fill in what containers do not say."""
        if attributes.gvr != PODS:
            return
        done: list[str] = []
        limits = [limit for limit in self._limits(attributes) if limit.get("type") == "Container"]
        spec = attributes.object.get("spec") or {}
        for field, word in (("containers", "container"), ("initContainers", "init container")):
            for container in spec.get(field) or ():
                for limit in limits:
                    done += _default(container, limit, word)
        if done:
            annotations = attributes.object["metadata"].setdefault("annotations", {})
            annotations[_ANNOTATION] = f"LimitRanger plugin set: {'; '.join(done)}"

    async def validate(self, attributes: Attributes) -> None:
        """Refuse what is outside the limits: all reasons at once."""
        problems: list[str] = []
        for limit in self._limits(attributes):
            kind = limit.get("type", "")
            if attributes.gvr == PERSISTENT_VOLUME_CLAIMS:
                if kind == "PersistentVolumeClaim":
                    resources = (attributes.object.get("spec") or {}).get("resources") or {}
                    problems += _check(limit, resources.get("requests") or {}, {}, kind)
            elif kind == "Container":
                for container in _containers(attributes.object):
                    resources = container.get("resources") or {}
                    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
                    problems += _check(limit, requests, limits, kind)
            elif kind == "Pod":
                requests = _sum(attributes.object, "requests")
                problems += _check(limit, requests, _sum(attributes.object, "limits"), kind)
        if problems:
            detail = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)


def _containers(pod: Obj) -> Iterable[Obj]:
    spec = pod.get("spec") or {}
    return (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))


def _default(container: Obj, limit: Obj, word: str) -> Iterator[str]:
    """Fill in defaults; gives what was filled in, as the annotation says it."""
    resources = container.setdefault("resources", {})
    for field, source in (("requests", "defaultRequest"), ("limits", "default")):
        added = {
            name: value
            for name, value in (limit.get(source) or {}).items()
            if name not in (resources.get(field) or {})
        }
        if added:
            resources[field] = {**(resources.get(field) or {}), **added}
            yield f"{', '.join(sorted(added))} {field[:-1]} for {word} {container['name']}"


def _sum(pod: Obj, field: str) -> dict[str, str]:
    totals: dict[str, Quantity] = {}
    for container in (pod.get("spec") or {}).get("containers") or ():
        for name, value in ((container.get("resources") or {}).get(field) or {}).items():
            quantity = Quantity.parse(value)
            totals[name] = totals[name] + quantity if name in totals else quantity
    return {name: str(quantity) for name, quantity in totals.items()}


def _check(limit: Obj, requests: dict[str, str], limits: dict[str, str], kind: str) -> Iterator[str]:
    for name, least in (limit.get("min") or {}).items():
        if name not in requests:
            yield f"minimum {name} usage per {kind} is {least}.  No request is specified"
        elif Quantity.parse(requests[name]) < Quantity.parse(least):
            yield f"minimum {name} usage per {kind} is {least}, but request is {requests[name]}"
    for name, greatest in (limit.get("max") or {}).items():
        word, value = (
            ("limit", limits.get(name))
            if kind != "PersistentVolumeClaim"
            else ("request", requests.get(name))
        )
        if value is None:
            yield f"maximum {name} usage per {kind} is {greatest}.  No {word} is specified"
        elif Quantity.parse(value) > Quantity.parse(greatest):
            yield f"maximum {name} usage per {kind} is {greatest}, but {word} is {value}"
    for name, ratio in (limit.get("maxLimitRequestRatio") or {}).items():
        if name not in requests or name not in limits:
            words = "but no request or limit is specified"
            yield f"{name} max limit to request ratio per {kind} is {ratio}, {words}"
            continue
        request, bound = Quantity.parse(requests[name]), Quantity.parse(limits[name])
        if (
            request.milli_value()
            and bound.milli_value() * 1000 > Quantity.parse(ratio).milli_value() * request.milli_value()
        ):
            actual = bound.milli_value() / request.milli_value()
            yield f"{name} max limit to request ratio per {kind} is {ratio}, but provided ratio is {actual:f}"
