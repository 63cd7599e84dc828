"""From kinds to resources, as the server tells it."""

from typing import NamedTuple

from kubepy.client.rest import Client
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK, GVR, parse_api_version


class Mapping(NamedTuple):
    """Where objects of a kind are."""

    gvr: GVR
    namespaced: bool


class MissingKind(LookupError):
    """The server does not serve the kind (yet)."""


class RESTMapper:
    """Asks the server's discovery once per group and version, and again when a kind is not in the answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[GVK, Mapping] = {}

    async def mapping(self, gvk: GVK) -> Mapping:
        """Raises MissingKind, and StatusError or ConnectionFailed of the request."""
        found = self._known.get(gvk)
        if found is None:
            await self._discover(gvk.group, gvk.version)
            found = self._known.get(gvk)
        if found is None:
            raise MissingKind(f'no matches for kind "{gvk.kind}" in version "{gvk.api_version}"')
        return found

    async def of(self, obj: dict[str, object]) -> Mapping:
        """The mapping of an object's kind."""
        group, version = parse_api_version(str(obj.get("apiVersion") or ""))
        return await self.mapping(GVK(group, version, str(obj.get("kind") or "")))

    async def _discover(self, group: str, version: str) -> None:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        try:
            answer = (await self._client.raw("GET", path)).json()
        except errors.StatusError as error:
            if errors.is_not_found(error):
                return
            raise
        for resource in answer.get("resources") or []:
            if "/" in resource["name"]:
                continue
            gvr = GVR(group, version, resource["name"])
            self._known[GVK(group, version, resource["kind"])] = Mapping(gvr, bool(resource["namespaced"]))
