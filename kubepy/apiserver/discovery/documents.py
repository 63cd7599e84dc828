"""The documents of discovery as bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import orjson

from kubepy.api.resources import Resource, Subresource
from kubepy.machinery import versions
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
_AGGREGATED_VERSIONS = ("v2", "v2beta1")
_FIRST, _CUSTOM_PRIORITY = -100_000, -1000  # as an APIService's groupPriorityMinimum, negated


class Document(NamedTuple):
    """A document, its media type and its ETag ("" when it has none)."""

    body: bytes
    content_type: str = "application/json"
    etag: str = ""


class ForeignVersion(NamedTuple):
    """A group and version that an aggregated API server answers, with its APIResourceList's entries."""

    group: str
    version: str
    group_priority: int
    version_priority: int
    resources: list[Obj]
    current: bool = True  # False: the backend cannot be asked now


class Discovery:
    """Answers paths with documents."""

    def __init__(
        self,
        resources: Callable[[], Iterable[Resource]],
        foreign: Callable[[], Iterable[ForeignVersion]],
        server_address: str,
    ) -> None:
        self._resources = resources
        self._foreign = foreign
        self._address = server_address
        self._made: dict[str, dict[str, list[Resource] | ForeignVersion]] | None = None
        self._documents: dict[tuple[str, str], Document] = {}

    def invalidate(self) -> None:
        """Forget everything: what is served has changed."""
        self._made = None
        self._documents.clear()

    @property
    def _groups(self) -> dict[str, dict[str, list[Resource] | ForeignVersion]]:
        """Groups and their versions, what clients should prefer first."""
        if self._made is None:
            self._made = self._arrange()
        return self._made

    def _arrange(self) -> dict[str, dict[str, list[Resource] | ForeignVersion]]:
        groups: dict[str, dict[str, Any]] = {}
        rank: dict[str, tuple[int, str]] = {}
        for resource in self._resources():
            group, version = resource.gvk.group, resource.gvk.version
            groups.setdefault(group, {}).setdefault(version, []).append(resource)
            # Built-in groups are in their order already; those of custom resources come behind, by name.
            rank.setdefault(group, (_CUSTOM_PRIORITY, group) if resource.custom else (_FIRST, ""))
        priorities: dict[tuple[str, str], int] = {}
        for each in self._foreign():
            groups.setdefault(each.group, {})[each.version] = each
            rank[each.group] = min(rank.get(each.group, (0, "")), (-each.group_priority, each.group))
            priorities[each.group, each.version] = -each.version_priority
        arranged: dict[str, dict[str, list[Resource] | ForeignVersion]] = {}
        for group in sorted(groups, key=rank.__getitem__):
            found = groups[group]
            if rank[group][0] != _FIRST:
                keys = {v: (priorities.get((group, v), 0), versions.priority(v)) for v in found}
                found = {version: found[version] for version in sorted(found, key=keys.__getitem__)}
            arranged[group] = found
        return arranged

    def document(self, path: str, accept: str) -> Document | None:
        """The document at /api, /apis, /apis/GROUP or /apis/GROUP/VERSION; None when there is none."""
        parts = path.strip("/").split("/")
        aggregated = _aggregated_version(accept) if len(parts) == 1 else ""
        found = self._documents.get((path, aggregated))
        if found is None:
            found = self._make(parts, aggregated)
            if found is not None:
                self._documents[path, aggregated] = found
        return found

    def _make(self, parts: list[str], aggregated: str) -> Document | None:
        if aggregated:
            groups = [g for g in self._groups if (g == "") == (parts[0] == "api")]
            body = orjson.dumps(
                {
                    "kind": "APIGroupDiscoveryList",
                    "apiVersion": f"apidiscovery.k8s.io/{aggregated}",
                    "metadata": {},
                    "items": [self._aggregated_group(group) for group in groups],
                }
            )
            etag = hashlib.sha512(body).hexdigest().upper()
            return Document(body, AGGREGATED.format(aggregated), etag)
        match parts:
            case ["api"]:
                made: Obj | None = self._legacy_versions()
            case ["api", version]:
                made = self._resource_list("", version)
            case ["apis"]:
                listed = [self._group(group) for group in self._groups if group]
                made = {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
            case ["apis", group] if group and group in self._groups:
                made = {"kind": "APIGroup", "apiVersion": "v1", **self._group(group)}
            case ["apis", group, version] if group:
                made = self._resource_list(group, version)
            case _:
                made = None
        return None if made is None else Document(orjson.dumps(made))

    def _legacy_versions(self) -> Obj:
        return {
            "kind": "APIVersions",
            "versions": list(self._groups.get("", {})),
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}],
        }

    def _group(self, group: str) -> Obj:
        listed = [{"groupVersion": f"{group}/{v}", "version": v} for v in self._groups[group]]
        return {"name": group, "versions": listed, "preferredVersion": listed[0]}

    def _resource_list(self, group: str, version: str) -> Obj | None:
        resources = self._groups.get(group, {}).get(version)
        if resources is None or isinstance(resources, ForeignVersion):
            return None
        entries: list[Obj] = []
        for resource in sorted(resources, key=lambda r: r.plural):
            entries.append(_api_resource(resource))
            entries += [_api_subresource(resource, sub) for sub in resource.subresources]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{group}/{version}" if group else version,
            "resources": entries,
        }

    def _aggregated_group(self, group: str) -> Obj:
        metadata = {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None}
        listed = [
            _aggregated_foreign(resources)
            if isinstance(resources, ForeignVersion)
            else {
                "version": version,
                "resources": [_aggregated(r) for r in sorted(resources, key=lambda r: r.plural)],
                "freshness": "Current",
            }
            for version, resources in self._groups[group].items()
        ]
        return {"metadata": metadata, "versions": listed}


def _aggregated_version(accept: str) -> str:
    """The version of the aggregated form, when that is the client's first readable choice."""
    for clause in accept.split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        options = dict(p.split("=", 1) for p in parameters if "=" in p)
        if media != "application/json":
            continue
        if not options.get("as"):
            return ""
        if options["as"] == "APIGroupDiscoveryList" and options.get("v") in _AGGREGATED_VERSIONS:
            return options["v"]
    return ""


def _storage_hash(gvk: GVK) -> str:
    digest = hashlib.sha256(f"{gvk.group}/{gvk.version}/{gvk.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _api_resource(resource: Resource) -> Obj:
    entry: Obj = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if not resource.virtual:
        stored = resource.storage_gvr
        entry["storageVersionHash"] = _storage_hash(GVK(stored.group, stored.version, resource.kind))
    return entry


def _api_subresource(resource: Resource, sub: Subresource) -> Obj:
    entry: Obj = {
        "name": f"{resource.plural}/{sub.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": sub.gvk.kind,
        "verbs": list(sub.verbs),
    }
    if sub.gvk.group != resource.gvk.group or sub.gvk.version != resource.gvk.version:
        entry["group"], entry["version"] = sub.gvk.group, sub.gvk.version
    return entry


def _aggregated_foreign(found: ForeignVersion) -> Obj:
    """What an aggregated API server's APIResourceList says, in the aggregated form."""
    made: dict[str, Obj] = {}
    for entry in sorted(found.resources, key=lambda e: str(e["name"])):
        plural, _, sub = entry["name"].partition("/")
        kind = {
            "group": entry.get("group") or found.group,
            "version": entry.get("version") or found.version,
            "kind": entry["kind"],
        }
        if sub:
            parent = made.setdefault(plural, {"resource": plural, "verbs": []})
            child = {"subresource": sub, "responseKind": kind, "verbs": entry.get("verbs") or []}
            parent.setdefault("subresources", []).append(child)
            continue
        resource: Obj = {
            "resource": plural,
            "responseKind": kind,
            "scope": "Namespaced" if entry.get("namespaced") else "Cluster",
            "singularResource": entry.get("singularName") or "",
            "verbs": entry.get("verbs") or [],
        }
        for field in ("shortNames", "categories"):
            if entry.get(field):
                resource[field] = entry[field]
        made[plural] = resource
    freshness = "Current" if found.current else "Stale"
    return {"version": found.version, "resources": list(made.values()), "freshness": freshness}


def _kind(gvk: GVK) -> Obj:
    return {"group": gvk.group, "version": gvk.version, "kind": gvk.kind}


def _aggregated(resource: Resource) -> Obj:
    entry: Obj = {
        "resource": resource.plural,
        "responseKind": _kind(resource.gvk),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {"subresource": sub.name, "responseKind": _kind(sub.gvk), "verbs": list(sub.verbs)}
            for sub in resource.subresources
        ]
    return entry
