"""The scale subresource of what an autoscaler names, whatever its kind."""

from __future__ import annotations

from kubepy.api.resources import BY_GVK
from kubepy.client import Client
from kubepy.controllers.discovery import served_resources
from kubepy.machinery.gvk import GVK, GVR, parse_api_version
from kubepy.machinery.meta import Obj


class NoTarget(Exception):
    """The reference names nothing that could be scaled; the message is Kubernetes'."""


class ScaleTargets:
    """Gets and updates Scales; remembers the resources of custom kinds."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._custom: dict[tuple[str, str], GVR] = {}

    async def get(self, namespace: str, reference: Obj) -> tuple[GVR, Obj]:
        """(resource, Scale). Raises NoTarget and StatusError."""
        gvr = await self._resource(reference)
        return gvr, await self._client.get(gvr, reference["name"], namespace=namespace, subresource="scale")

    async def set(self, gvr: GVR, scale: Obj, replicas: int) -> None:
        """Raises StatusError."""
        wanted = {**scale, "spec": {**(scale.get("spec") or {}), "replicas": replicas}}
        await self._client.update(gvr, wanted, subresource="scale")

    async def _resource(self, reference: Obj) -> GVR:
        group, version = parse_api_version(reference.get("apiVersion") or "v1")
        kind = reference["kind"]
        known = BY_GVK.get(GVK(group, version, kind))
        if known is not None:
            return known.gvr
        found = self._custom.get((group, kind))
        if found is None:
            for gvr, _, served in await served_resources(self._client, ["get"]):
                if (gvr.group, served) == (group, kind):
                    found = self._custom[group, kind] = gvr
        if found is None:
            missing = f'no matches for kind "{kind}" in group "{group}"'
            raise NoTarget(f"unable to determine resource for scale target reference: {missing}")
        return found
