"""ResourceQuota: what a namespace may hold altogether.

status.used is written by compare-and-swap before an object is made, so that writers at the same time cannot
exceed the quota together. When it looks exhausted it is counted anew, for objects may have gone meanwhile;
objects that were charged but are not in the watch cache yet count as well. What another server has charged a
moment ago this one cannot see yet: then the record stands, until the quota controller lowers it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from kubepy.api.quota import Usage, in_scope, usage_of
from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS, RESOURCE_QUOTAS, SERVICES, Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.cacher import CacheEvent, ObjectSelector, ResourceCache
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj, make_key
from kubepy.machinery.quantity import Quantity
from kubepy.util.clock import Clock

_IN_FLIGHT = 5.0
_ZERO = Quantity.parse("0")
_GROWING = frozenset({PODS, SERVICES, PERSISTENT_VOLUME_CLAIMS})
_COMPUTE = ("requests", "limits")
_REMEMBERED = 256
UpdateQuota = Callable[[str, str, Callable[[Obj], Awaitable[Obj]]], Awaitable[str]]
"""(namespace, name, change): a compare-and-swap on a ResourceQuota; gives its resourceVersion."""


class ResourceQuota(Plugin):
    """Validates creates and what grows; runs last, so that nothing is counted that others refuse."""

    operations = frozenset({"CREATE", "UPDATE"})

    def __init__(
        self,
        quotas: ResourceCache,
        caches: Callable[[Resource], ResourceCache],
        update: UpdateQuota,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._pending: dict[str, tuple[float, str, GVR, Usage, Obj]] = {}  # charged and not seen yet, by uid
        self._followed: set[GVR] = set()
        self._own: deque[str] = deque(maxlen=_REMEMBERED)  # resourceVersions that charges of ours made
        self._charges: deque[tuple[float, str, str]] = deque(maxlen=_REMEMBERED)  # when, which quota, version
        self._latest: dict[str, int] = {}
        quotas.add_listener(self._quota_changed)
        self._quotas = quotas
        self._caches = caches
        self._update = update

    def handles(self, attributes: Attributes) -> bool:
        """Objects in namespaces that have a quota."""
        if not self._quotas.entries or not attributes.namespace or attributes.gvr == RESOURCE_QUOTAS:
            return False
        if attributes.operation == "UPDATE":
            if attributes.gvr not in _GROWING or attributes.subresource not in ("", "resize"):
                return False
        elif attributes.subresource:
            return False
        return any(True for _ in self._quotas.select(ObjectSelector(attributes.namespace)))

    async def validate(self, attributes: Attributes) -> None:
        """Raise 403 when a quota would be exceeded; otherwise write down what is used."""
        added = usage_of(attributes.resource, attributes.object)
        if attributes.old is not None:
            before = usage_of(attributes.resource, attributes.old)
            added = {name: value - before.get(name, _ZERO) for name, value in added.items()}
            added = {name: value for name, value in added.items() if value > _ZERO}
            if not added:
                return
        for entry in list(self._quotas.select(ObjectSelector(attributes.namespace))):
            if not in_scope(entry.obj, attributes.gvr, attributes.object):
                continue
            hard = (entry.obj.get("spec") or {}).get("hard") or {}
            concerned = {name: added.get(name, _ZERO) for name in hard if name in added}
            if attributes.old is None:
                self._check_specified(attributes, entry.name, hard)
            if not any(concerned.values()):
                continue

            async def change(quota: Obj, concerned: Usage = concerned) -> Obj:
                return self._charged(attributes, quota, concerned)

            if attributes.dry_run:
                await change(entry.obj)
            else:
                self._follow(attributes.resource)
                uid = attributes.object["metadata"]["uid"]
                charge = (
                    self._clock.monotonic(),
                    attributes.namespace,
                    attributes.gvr,
                    added,
                    attributes.object,
                )
                self._pending[uid] = charge
                try:
                    self._own.append(await self._update(attributes.namespace, entry.name, change))
                except BaseException:
                    self._pending.pop(uid, None)
                    raise

    def _quota_changed(self, event: CacheEvent) -> None:
        entry, previous = event.entry, event.previous
        if event.type == "DELETED":
            self._latest.pop(entry.key, None)
            return
        self._latest[entry.key] = entry.revision
        if previous is not None and _grew(previous.obj, entry.obj):
            self._charges.append((self._clock.monotonic(), entry.key, str(entry.revision)))

    def _others_charge(self, quota: Obj) -> bool:
        """Whether another server may have charged the quota for an object that is not in our cache yet."""
        metadata, since = quota["metadata"], self._clock.monotonic() - _IN_FLIGHT
        key, version = make_key(metadata["namespace"], metadata["name"]), metadata["resourceVersion"]
        if version not in self._own and int(version) > self._latest.get(key, 0):
            return True  # newer than what the cache has
        return any(at > since and k == key and v not in self._own for at, k, v in self._charges)

    def _follow(self, resource: Resource) -> None:
        if resource.gvr not in self._followed:
            self._followed.add(resource.gvr)
            self._caches(resource).add_listener(self._seen)

    def _seen(self, event: CacheEvent) -> None:
        if self._pending:
            self._pending.pop(event.entry.obj["metadata"].get("uid", ""), None)

    @staticmethod
    def _check_specified(attributes: Attributes, quota: str, hard: Obj) -> None:
        """A pod must say how much it wants of what is bounded."""
        if attributes.gvr != PODS:
            return
        missing: dict[str, list[str]] = {}
        for name in hard:
            field, _, resource = name.partition(".")
            if field not in _COMPUTE:
                field, resource = "requests", name
            if resource not in ("cpu", "memory"):
                continue
            for container in (attributes.object.get("spec") or {}).get("containers") or ():
                if resource not in ((container.get("resources") or {}).get(field) or {}):
                    missing.setdefault(name, []).append(container["name"])
        if missing:
            parts = [f"{name} for: {','.join(containers)}" for name, containers in sorted(missing.items())]
            detail = f"failed quota: {quota}: must specify {'; '.join(parts)}"
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)

    def _charged(self, attributes: Attributes, quota: Obj, added: Usage) -> Obj:
        hard = (quota.get("spec") or {}).get("hard") or {}
        recorded = (quota.get("status") or {}).get("used") or {}
        used = {name: Quantity.parse(recorded[name]) if name in recorded else None for name in hard}
        for name, amount in added.items():
            before = used[name]
            full = before is not None and before + amount > Quantity.parse(hard[name])
            if before is None or (full and not self._others_charge(quota)):
                before = self._count(attributes, quota, name)
            if before + amount > Quantity.parse(hard[name]):
                self._refuse(attributes, quota, added, {**used, name: before})
            used[name] = before + amount
        shown = {n: str(q if q is not None else self._count(attributes, quota, n)) for n, q in used.items()}
        return {**quota, "status": {**(quota.get("status") or {}), "hard": dict(hard), "used": shown}}

    def _count(self, attributes: Attributes, quota: Obj, name: str) -> Quantity:
        total = _ZERO
        for entry in self._caches(attributes.resource).select(ObjectSelector(attributes.namespace)):
            if in_scope(quota, attributes.gvr, entry.obj):
                total = total + usage_of(attributes.resource, entry.obj).get(name, _ZERO)
        own = attributes.object["metadata"]["uid"]
        for uid, (at, namespace, gvr, usage, obj) in list(self._pending.items()):
            if uid == own:
                continue
            if at + _IN_FLIGHT < self._clock.monotonic():
                del self._pending[uid]  # refused after all, or its client went away
            elif (namespace, gvr) == (attributes.namespace, attributes.gvr) and in_scope(quota, gvr, obj):
                total = total + usage.get(name, _ZERO)
        return total

    @staticmethod
    def _refuse(attributes: Attributes, quota: Obj, added: Usage, used: dict[str, Quantity | None]) -> None:
        hard = (quota.get("spec") or {}).get("hard") or {}
        over = [n for n, a in added.items() if (used[n] or _ZERO) + a > Quantity.parse(hard[n])]
        shown = [
            ",".join(f"{n}={value(n)}" for n in sorted(over))
            for value in (lambda n: added[n], lambda n: used[n] or _ZERO, lambda n: hard[n])
        ]
        detail = (
            f"exceeded quota: {quota['metadata']['name']}, requested: {shown[0]}, used: {shown[1]}, "
            f"limited: {shown[2]}"
        )
        raise errors.forbidden(attributes.resource.gr, attributes.name, detail)


def _grew(before: Obj, after: Obj) -> bool:
    """Whether a quota's recorded usage went up: only a charge does that."""
    was, now = ((quota.get("status") or {}).get("used") or {} for quota in (before, after))
    return was != now and any(
        name not in was or Quantity.parse(used) > Quantity.parse(was[name]) for name, used in now.items()
    )
