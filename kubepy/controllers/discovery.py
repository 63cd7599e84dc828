"""Which resources the API server serves now, custom ones included."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.client import Client
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


async def served_resources(client: Client, verbs: Iterable[str]) -> list[tuple[GVR, bool, str]]:
    """(resource, namespaced, kind) of every resource, in its preferred version, that has all of ``verbs``.

    Two requests; one more for each aggregated API server that was not there when the documents were made.
    """
    wanted = frozenset(verbs)
    found = []
    for path in ("/api", "/apis"):
        for group in (await client.raw("GET", path, accept=_AGGREGATED)).json()["items"]:
            name, preferred = group["metadata"].get("name") or "", group["versions"][0]
            version = preferred["version"]
            if preferred.get("freshness") == "Stale":
                resources = await _ask(client, name, version)
            else:
                resources = [_entry(resource) for resource in preferred.get("resources") or ()]
            for plural, namespaced, kind, has in resources:
                if wanted <= has:
                    found.append((GVR(name, version, plural), namespaced, kind))
    return found


_Entry = tuple[str, bool, str, frozenset[str]]


def _entry(resource: Obj) -> _Entry:
    namespaced = resource["scope"] == "Namespaced"
    kind = (resource.get("responseKind") or {}).get("kind") or ""
    return resource["resource"], namespaced, kind, frozenset(resource.get("verbs") or ())


async def _ask(client: Client, group: str, version: str) -> list[_Entry]:
    """The resources of one group's version, from whoever serves it. Raises StatusError when nobody does."""
    listed = (await client.raw("GET", f"/apis/{group}/{version}")).json()["resources"]
    return [
        (item["name"], bool(item["namespaced"]), str(item["kind"]), frozenset(item["verbs"]))
        for item in listed
        if "/" not in item["name"]
    ]


async def namespaced_resources(client: Client, verbs: Iterable[str]) -> list[GVR]:
    """The namespaced ones; events last, for what is deleted may still say so."""
    found = [gvr for gvr, namespaced, _ in await served_resources(client, verbs) if namespaced]
    unique = {gvr for gvr in found if not (gvr.resource == "events" and gvr.group)}
    return sorted(unique, key=lambda gvr: (gvr.resource == "events", gvr))
