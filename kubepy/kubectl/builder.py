"""From the words and files of a command line to objects, as kubectl's resource builder does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubepy.kubectl.failures import CommandError, Failures
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.discovery import Mapping
    from kubepy.kubectl.session import Session

NOTHING_GIVEN = (
    "You must provide one or more resources by argument or filename.\n"
    "Example resource specifications include:\n"
    "   '-f rsrc.yaml'\n"
    "   '--filename=rsrc.json'\n"
    "   '<resource> <name>'\n"
    "   '<resource>'"
)
FILES_AND_WORDS = (
    "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well"
)


@dataclass
class Info:
    """One object to work on. `obj` is what the server or the manifest says of it ({} before it was read)."""

    mapping: Mapping
    namespace: str
    name: str
    obj: Obj = field(default_factory=dict)
    source: str = ""

    @property
    def path(self) -> str:
        return self.mapping.path(self.namespace, self.name)

    @property
    def display(self) -> str:
        """`deployment.apps/web`."""
        return f"{self.mapping.display}/{self.name}"


@dataclass(frozen=True)
class Target:
    """What the words mean: one resource, and the name of one object or "" for all."""

    mapping: Mapping
    name: str = ""


async def targets(session: Session, words: Sequence[str]) -> list[Target]:
    """Understand `TYPE [NAME...]`, `TYPE,TYPE`, `TYPE/NAME ...`."""
    if not words:
        return []
    if any("/" in word for word in words):
        return [await _pair(session, word, words) for word in words]
    types, names = words[0], words[1:]
    mappings = await _types(session, types)
    if names:
        return [Target(mapping, name) for mapping in mappings for name in names]
    return [Target(mapping) for mapping in mappings]


async def _types(session: Session, words: str) -> list[Mapping]:
    found: list[Mapping] = []
    for word in words.split(","):
        if not word:
            raise CommandError("arguments must consist of a resource or a resource and name")
        members = await session.discovery.category(word)
        for mapping in members or [await session.discovery.resolve(word)]:
            if mapping not in found:
                found.append(mapping)
    return found


async def _pair(session: Session, word: str, words: Sequence[str]) -> Target:
    parts = word.split("/")
    if len(parts) == 1:
        raise CommandError(
            "there is no need to specify a resource type as a separate argument when passing arguments in "
            f"resource/name form (e.g. 'kubectl {session.command} resource/<resource_name>' instead of "
            f"'kubectl {session.command} resource resource/<resource_name>'"
        )
    if len(parts) != 2 or not all(parts):
        raise CommandError(
            f"arguments in resource/name form must have a single resource and name: {word}"
            if not all(parts)
            else f"arguments in resource/name form may not have more than one slash: {word}"
        )
    if "," in parts[0]:
        raise CommandError(f"arguments in resource/name form must have a single resource and name: {word}")
    return Target(await session.discovery.resolve(parts[0]), parts[1])


def namespace_of(session: Session, mapping: Mapping) -> str:
    return session.namespace if mapping.namespaced else ""


def selectors(session: Session) -> dict[str, str]:
    """The query parameters of -l and --field-selector."""
    params: dict[str, str] = {}
    for flag, parameter in (("selector", "labelSelector"), ("field-selector", "fieldSelector")):
        if session.values.has(flag) and session.values.text(flag):
            params[parameter] = session.values.text(flag)
    return params


def all_namespaces(session: Session) -> bool:
    return session.values.has("all-namespaces") and session.values.on("all-namespaces")


async def from_manifests(session: Session) -> list[Info]:
    """The objects of -f, with the namespace they will go to."""
    from kubepy.kubectl import manifests

    names = session.values.many("filename")
    if session.values.text("kustomize") if session.values.has("kustomize") else "":
        raise CommandError("kustomizations are not supported; build them first and pass the result with -f")
    read = manifests.read(names, recursive=session.values.on("recursive"))
    return [await info(session, manifest.obj, manifest.source) for manifest in read]


async def info(session: Session, obj: Obj, source: str) -> Info:
    """The object of a manifest and where it goes; its namespace is filled in."""
    mapping = await session.discovery.for_object(obj, source)
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        metadata = obj["metadata"] = {}
    namespace = ""
    if mapping.namespaced:
        written = metadata.get("namespace") or ""
        if written and session.explicit_namespace and written != session.namespace:
            raise CommandError(
                f'the namespace from the provided object "{written}" does not match the namespace '
                f"\"{session.namespace}\". You must pass '--namespace={written}' to perform this operation."
            )
        namespace = metadata["namespace"] = written or session.namespace
    return Info(mapping, namespace, metadata.get("name") or "", obj, source)


async def read(
    session: Session,
    words: Sequence[str],
    *,
    require_name: bool = False,
    ignore_not_found: bool = False,
    fetch: bool = True,
) -> tuple[list[Info], list[Exception], bool]:
    """Objects of words or files from the server: (objects, failures, whether one single object was meant).

    Without `fetch`, objects that are named are not asked for.
    """
    infos: list[Info] = []
    failures: list[Exception] = []
    if session.values.has("filename") and session.values.many("filename"):
        if words:
            raise CommandError(FILES_AND_WORDS)
        wanted = await from_manifests(session)
        single = len(wanted) == 1
    else:
        if not words:
            raise CommandError(NOTHING_GIVEN)
        wanted = []
        chosen = await targets(session, words)
        single = len(chosen) == 1 and bool(chosen[0].name)
        for target in chosen:
            if target.name:
                _check_named(session)
                wanted.append(Info(target.mapping, namespace_of(session, target.mapping), target.name))
            else:
                if require_name and not selectors(session) and not _all(session):
                    raise CommandError("resource(s) were provided, but no name was specified")
                try:
                    infos += await collection(session, target.mapping)
                except StatusError as error:
                    failures.append(error)
    for item in wanted:
        try:
            if fetch:
                item.obj = await session.request("GET", item.path)
            infos.append(item)
        except StatusError as error:
            if not (ignore_not_found and error.code == 404):
                failures.append(error)
    return infos, failures, single


def _check_named(session: Session) -> None:
    if selectors(session).get("labelSelector"):
        raise CommandError("name cannot be provided when a selector is specified")
    if all_namespaces(session):
        raise CommandError("a resource cannot be retrieved by name across all namespaces")


def _all(session: Session) -> bool:
    return session.values.has("all") and session.values.on("all")


async def collection(session: Session, mapping: Mapping) -> list[Info]:
    """All objects of a resource that the selectors and the namespace choose, page by page."""
    namespace = "" if all_namespaces(session) else namespace_of(session, mapping)
    infos: list[Info] = []
    params = {**selectors(session), "limit": "500"}
    while True:
        page = await session.request("GET", mapping.path(namespace), params=params)
        for obj in page.get("items") or []:
            typed = {"apiVersion": mapping.gvr.api_version, "kind": mapping.kind} | obj
            metadata = typed.get("metadata") or {}
            infos.append(Info(mapping, metadata.get("namespace") or "", metadata.get("name") or "", typed))
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return infos
        params["continue"] = token


async def one(session: Session, words: Sequence[str], *, default: str = "") -> Info:
    """The single object that a command works on; `default` is the type of a word without one."""
    chosen = await targets(session, [f"{default}/{w}" if default and "/" not in w else w for w in words])
    if len(chosen) != 1 or not chosen[0].name:
        raise CommandError("expected exactly one resource")
    target = chosen[0]
    found = Info(target.mapping, namespace_of(session, target.mapping), target.name)
    found.obj = await session.request("GET", found.path)
    return found


def raise_failures(failures: Sequence[Exception]) -> None:
    """End the command with what went wrong on the way."""
    from kubepy.kubectl.failures import unique

    distinct = unique(failures)
    if len(distinct) == 1:
        raise distinct[0]
    if distinct:
        raise Failures(distinct)
