"""How many pods the controllers of some pods mean to have."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.api.resources import DEPLOYMENTS, REPLICA_SETS, REPLICATION_CONTROLLERS, STATEFUL_SETS
from kubepy.controllers.context import Context
from kubepy.controllers.discovery import served_resources
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import parse_api_version
from kubepy.machinery.meta import Obj

BUILT_IN = {
    ("apps", "ReplicaSet"): REPLICA_SETS,
    ("apps", "StatefulSet"): STATEFUL_SETS,
    ("", "ReplicationController"): REPLICATION_CONTROLLERS,
    ("apps", "Deployment"): DEPLOYMENTS,
}


class NoScale(Exception):
    """A pod is controlled by something that has no scale."""


class Scales:
    """Reads spec.replicas of built-in kinds from caches, the scale subresource of others."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._informers = {key: context.factory.informer(gvr) for key, gvr in BUILT_IN.items()}

    async def total(self, found: Iterable[Obj]) -> tuple[int, list[str]]:
        """The sum over the distinct controllers of these pods, and the names of pods without one."""
        sizes: dict[str, int] = {}
        unmanaged = []
        for pod in found:
            reference = meta.controller_of(pod)
            if reference is None:
                unmanaged.append(meta.name(pod))
            elif reference["uid"] not in sizes:
                uid, size = await self._size(pod, reference)
                # Several ReplicaSets of one Deployment count once, as the Deployment.
                sizes[reference["uid"]] = 0 if uid in sizes and uid != reference["uid"] else size
                sizes.setdefault(uid, 0)
        return sum(sizes.values()), unmanaged

    async def _size(self, pod: Obj, reference: Obj) -> tuple[str, int]:
        """(uid of who decides, replicas)."""
        key = (parse_api_version(reference["apiVersion"])[0], reference["kind"])
        informer = self._informers.get(key)
        if informer is None:
            return reference["uid"], await self._subresource(pod, reference)
        owner = informer.lister.get(reference["name"], meta.namespace(pod))
        if owner is None or meta.uid(owner) != reference["uid"]:
            return reference["uid"], 0
        above = meta.controller_of(owner)
        if key == ("apps", "ReplicaSet") and above is not None and above["kind"] == "Deployment":
            return await self._size(owner, above)
        return meta.uid(owner), int(owner["spec"].get("replicas", 1))

    async def _subresource(self, pod: Obj, reference: Obj) -> int:
        group, _ = parse_api_version(reference["apiVersion"])
        for gvr, _, kind in await served_resources(self._client, ["get"]):
            if (gvr.group, kind) != (group, reference["kind"]):
                continue
            try:
                scale = await self._client.get(
                    gvr, reference["name"], namespace=meta.namespace(pod), subresource="scale"
                )
            except StatusError as error:
                if errors.is_not_found(error):
                    raise NoScale(f"{gvr.gr} does not implement the scale subresource") from error
                raise
            return int(scale["spec"].get("replicas") or 0)
        raise NoScale(f"{reference['kind']}.{group} is not served")
