"""Which resources the API server serves now, custom ones included."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.client import Client
from kubepy.machinery.gvk import GVR, parse_api_version


async def served_resources(client: Client, verbs: Iterable[str]) -> list[tuple[GVR, bool, str]]:
    """(resource, namespaced, kind) of every resource, in its preferred version, that has all of ``verbs``."""
    groups = (await client.raw("GET", "/apis")).json()["groups"]
    versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
    found = []
    for version in versions:
        path = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        group_name, version_name = parse_api_version(version)
        for item in (await client.raw("GET", path)).json()["resources"]:
            if "/" not in item["name"] and set(verbs) <= set(item["verbs"]):
                gvr = GVR(group_name, version_name, item["name"])
                found.append((gvr, bool(item["namespaced"]), str(item["kind"])))
    return found


async def namespaced_resources(client: Client, verbs: Iterable[str]) -> list[GVR]:
    """The namespaced ones; events last, for what is deleted may still say so."""
    found = [gvr for gvr, namespaced, _ in await served_resources(client, verbs) if namespaced]
    unique = {gvr for gvr in found if not (gvr.resource == "events" and gvr.group)}
    return sorted(unique, key=lambda gvr: (gvr.resource == "events", gvr))
