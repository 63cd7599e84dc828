"""What the server serves: resource names, short names and kinds to where they are served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from kubepy.kubectl.failures import CommandError
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GR, GVK, GVR, format_api_version, parse_api_version
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.session import Session

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


@dataclass(frozen=True)
class Mapping:
    """One resource as served."""

    gvr: GVR
    kind: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def gvk(self) -> GVK:
        return GVK(self.gvr.group, self.gvr.version, self.kind)

    @property
    def gr(self) -> GR:
        return self.gvr.gr

    @property
    def display(self) -> str:
        """`deployment.apps`: what stands before the slash in kubectl's messages."""
        name = self.singular or self.kind.lower()
        return f"{name}.{self.gvr.group}" if self.gvr.group else name

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection or the object."""
        from kubepy.client.rest import path_of

        return path_of(
            self.gvr, namespace if self.namespaced and namespace else None, name or None, subresource or None
        )


class Discovery:
    """The server's resources, groups in its order of preference, each group's preferred version first."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._mappings: list[Mapping] | None = None
        self.api_versions: list[str] = []

    async def mappings(self) -> list[Mapping]:
        """Every resource of every version, in the order of preference."""
        if self._mappings is None:
            answers: dict[str, Obj] = {}

            async def fetch(path: str) -> None:
                answers[path] = await self._session.request("GET", path, accept=_AGGREGATED)

            await _together(fetch, ["/api", "/apis"])
            found: list[Mapping] = []
            for path in ("/api", "/apis"):
                if answers[path].get("kind") == "APIGroupDiscoveryList":
                    found += self._aggregated(answers[path])
                else:
                    found += await self._one_by_one(path, answers[path])
            self._mappings = found
        return self._mappings

    def _aggregated(self, listed: Obj) -> list[Mapping]:
        found: list[Mapping] = []
        for group in listed.get("items") or []:
            name = (group.get("metadata") or {}).get("name") or ""
            for version in group.get("versions") or []:
                self.api_versions.append(format_api_version(name, version["version"]))
                found += [
                    _mapping(name, version["version"], resource)
                    for resource in version.get("resources") or []
                ]
        return found

    async def _one_by_one(self, path: str, listed: Obj) -> list[Mapping]:
        """Servers before 1.26 tell their resources version by version."""
        if path == "/api":
            versions = [f"/api/{version}" for version in listed.get("versions") or []]
        else:
            versions = []
            for group in listed.get("groups") or []:
                preferred = (group.get("preferredVersion") or {}).get("groupVersion")
                named = [version["groupVersion"] for version in group.get("versions") or []]
                named.sort(key=lambda version: version != preferred)
                versions += [f"/apis/{version}" for version in named]
        lists: dict[str, Obj] = {}

        async def fetch(version: str) -> None:
            try:
                lists[version] = await self._session.request("GET", version)
            except StatusError as error:
                # One aggregated API that is down must not hide all others.
                self._session.warn(f"couldn't get resource list for {version}: {error.message}")

        await _together(fetch, versions)
        found: list[Mapping] = []
        for version in versions:
            if version not in lists:
                continue
            api_version = lists[version]["groupVersion"]
            self.api_versions.append(api_version)
            group, number = parse_api_version(api_version)
            found += [
                Mapping(
                    GVR(group, number, entry["name"]),
                    entry["kind"],
                    bool(entry.get("namespaced")),
                    entry.get("singularName") or entry["kind"].lower(),
                    tuple(entry.get("shortNames") or ()),
                    tuple(entry.get("categories") or ()),
                    tuple(entry.get("verbs") or ()),
                    tuple(
                        sub["name"].partition("/")[2]
                        for sub in lists[version]["resources"]
                        if sub["name"].startswith(f"{entry['name']}/")
                    ),
                )
                for entry in lists[version].get("resources") or []
                if "/" not in entry["name"]
            ]
        return found

    async def resolve(self, word: str) -> Mapping:
        """The resource a user means by `deploy`, `pods`, `Deployment`, `deployments.apps`, `x.v1.group`."""
        found = _find(await self.mappings(), word.lower())
        if found is None:
            raise CommandError(f'the server doesn\'t have a resource type "{word}"')
        return found

    async def category(self, word: str) -> list[Mapping]:
        """The listable resources of a category ("all"), each in its preferred version."""
        chosen: dict[GR, Mapping] = {}
        for mapping in await self.mappings():
            if word in mapping.categories and "list" in mapping.verbs:
                chosen.setdefault(mapping.gr, mapping)
        return list(chosen.values())

    async def preferred(self) -> list[Mapping]:
        """Each resource once, in its preferred version."""
        chosen: dict[GR, Mapping] = {}
        for mapping in await self.mappings():
            chosen.setdefault(mapping.gr, mapping)
        return list(chosen.values())

    async def for_kind(self, gvk: GVK) -> Mapping | None:
        """Where objects of a kind are served, None when they are not."""
        for mapping in await self.mappings():
            if mapping.gvk == gvk:
                return mapping
        return None

    async def for_object(self, obj: Obj, source: str = "") -> Mapping:
        """Where an object of a manifest is served; kubectl's error when it is not."""
        gvk = GVK.of(obj)
        found = await self.for_kind(gvk)
        if found is None:
            name = (obj.get("metadata") or {}).get("name") or ""
            namespace = (obj.get("metadata") or {}).get("namespace") or ""
            raise CommandError(
                f'resource mapping not found for name: "{name}" namespace: "{namespace}" from "{source}": '
                f'no matches for kind "{gvk.kind}" in version "{gvk.api_version}"\n'
                "ensure CRDs are installed first"
            )
        return found


def _mapping(group: str, version: str, resource: Obj) -> Mapping:
    kind: dict[str, Any] = resource.get("responseKind") or {}
    return Mapping(
        GVR(group, version, resource["resource"]),
        kind.get("kind") or "",
        resource.get("scope") == "Namespaced",
        resource.get("singularResource") or "",
        tuple(resource.get("shortNames") or ()),
        tuple(resource.get("categories") or ()),
        tuple(resource.get("verbs") or ()),
        tuple(sub["subresource"] for sub in resource.get("subresources") or []),
    )


def _find(mappings: list[Mapping], word: str) -> Mapping | None:
    name, _, rest = word.partition(".")
    version, _, group = rest.partition(".")
    candidates = [m for m in mappings if name in (m.gvr.resource, m.singular, m.kind.lower())]
    candidates += [m for m in mappings if name in m.short_names and m not in candidates]
    if not rest:
        return candidates[0] if candidates else None
    for mapping in candidates:
        if mapping.gvr.version == version and mapping.gvr.group == group:
            return mapping
    for mapping in candidates:
        if mapping.gvr.group == rest:
            return mapping
    for mapping in candidates:
        if mapping.gvr.group.startswith(rest):
            return mapping
    return None


async def _together(function: Any, arguments: list[str]) -> None:
    """Run for all arguments at once; of several failures the first is raised."""
    failures: list[Exception] = []

    async def guarded(argument: str) -> None:
        try:
            await function(argument)
        except Exception as error:  # noqa: BLE001 - raised again below, out of the group
            failures.append(error)

    async with anyio.create_task_group() as group:
        for argument in arguments:
            group.start_soon(guarded, argument)
    if failures:
        raise failures[0]
