# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl apply: creates what is missing, patches what differs, by a merge of three configurations."""

from __future__ import annotations

from typing import Any

from kubepy.kubectl import builder, last_applied, results, server_side_apply
from kubepy.kubectl.builder import Info
from kubepy.kubectl.commands import base
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError, with_source
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.printers import json
from kubepy.kubectl.session import Session
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

MAX_CONFLICTS = 5
MISSING_ANNOTATION = (
    "resource {0} is missing the kubectl.kubernetes.io/last-applied-configuration annotation which is required "
    "by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl "
    "create --save-config or kubectl apply. The missing annotation will be patched automatically."
)


async def run(session: Session, words: list[str]) -> int | None:
    values = session.values
    if words:
        raise CommandError(
            f"Unexpected args: [{' '.join(words)}]\nSee 'kubectl apply -h' for help and examples"
        )
    if not values.many("filename") and not values.text("kustomize"):
        raise CommandError("must specify one of -f and -k")
    if values.on("force-conflicts") and not values.on("server-side"):
        raise CommandError("--force-conflicts only works with --server-side")
    if results.dry_run(session) == "client" and values.on("server-side"):
        raise CommandError(
            "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)"
        )
    reporter = results.Reporter(session)
    infos = await _infos(session)
    if not infos.found and not infos.failures:
        raise CommandError("no objects passed to apply")
    failures = infos.failures
    applied: list[Obj] = []
    for info in infos.found:
        try:
            done = await _apply(session, info)
        except (StatusError, CommandError) as error:
            failures.append(error)
            continue
        obj, verb = done
        if reporter.prints_objects:
            applied.append({"apiVersion": info.mapping.gvr.api_version, "kind": info.mapping.kind} | obj)
        else:
            reporter.report(info.mapping, obj, verb)
    if len(applied) == 1:
        reporter.show(applied[0])
    elif applied:
        reporter.show({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": applied})
    builder.raise_failures(failures)
    return None


class _Infos:
    def __init__(self) -> None:
        self.found: list[Info] = []
        self.failures: list[Exception] = []


async def _infos(session: Session) -> _Infos:
    """The objects of the files; one whose kind the server does not know keeps no other from being applied."""
    from kubepy.kubectl import manifests

    infos = _Infos()
    if session.values.text("kustomize"):
        await builder.from_manifests(session)
    read = manifests.read(session.values.many("filename"), recursive=session.values.on("recursive"))
    selector = None
    if session.values.text("selector"):
        from kubepy.machinery import labels

        selector = labels.parse(session.values.text("selector"))
    for manifest in read:
        if selector is not None and not selector.matches(meta.labels(manifest.obj)):
            continue
        try:
            infos.found.append(await builder.info(session, manifest.obj, manifest.source))
        except CommandError as error:
            infos.failures.append(error)
    return infos


async def _apply(session: Session, info: Info) -> tuple[Obj, str]:
    if not info.name:
        generated = (info.obj.get("metadata") or {}).get("generateName")
        if generated:
            raise CommandError(f"from {generated}: cannot use generate name with apply")
        raise with_source(
            CommandError("resource name may not be empty"),
            "retrieving current configuration of:",
            info.source,
        )
    if session.values.on("server-side"):
        return await server_side_apply.server_side(session, info), "serverside-applied"
    modified = last_applied.annotated(info.obj)
    try:
        current = await session.request("GET", info.path)
    except StatusError as error:
        if not errors.is_not_found(error):
            where = f"retrieving current configuration of:\n{_describe(info)}\nfrom server for:"
            raise with_source(error, where, info.source) from None
        return await _create(session, info, modified), "created"
    if last_applied.read(current) is None:
        session.warn(MISSING_ANNOTATION.format(f"{info.mapping.gvr.resource}/{info.name}"))
    if results.dry_run(session) == "client":
        patch, _ = create_patch(info, modified, current)
        return current, "unchanged" if not patch else "configured"
    return await _patch(session, info, modified, current)


async def _create(session: Session, info: Info, obj: Obj) -> Obj:
    if results.dry_run(session) == "client":
        return obj
    path = info.mapping.path(info.namespace)
    try:
        return await session.request("POST", path, params=results.write_params(session), body=obj)
    except StatusError as error:
        raise with_source(error, "creating", info.source) from None


async def _patch(session: Session, info: Info, modified: Obj, current: Obj) -> tuple[Obj, str]:
    patch, content_type = create_patch(info, modified, current)
    for attempt in range(MAX_CONFLICTS + 1):
        if not patch:
            return current, "unchanged"
        try:
            changed = await session.request(
                "PATCH",
                info.path,
                params=results.write_params(session),
                body=patch,
                content_type=content_type,
            )
            return changed, "configured"
        except StatusError as error:
            if errors.is_conflict(error) and attempt < MAX_CONFLICTS:
                current = await session.request("GET", info.path)
                patch, content_type = create_patch(info, modified, current)
                continue
            if (errors.is_conflict(error) or errors.is_invalid(error)) and session.values.on("force"):
                return await _replace(session, info, modified, current), "configured"
            where = f"applying patch:\n{json.compact(patch)}\nto:\n{_describe(info)}\nfor:"
            raise with_source(with_source(error, "patching", info.source), where, info.source) from None
    raise AssertionError("the last attempt returns or raises")


async def _replace(session: Session, info: Info, modified: Obj, current: Obj) -> Obj:
    """--force: delete, wait, create."""
    from kubepy.kubectl.waiting import until_gone

    options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    await session.request("DELETE", info.path, body=options)
    await until_gone(session, info, meta.uid(current), timeout=session.values.seconds("timeout"))
    return await _create(session, info, modified)


def create_patch(info: Info, modified: Obj, current: Obj) -> tuple[Any, str]:
    """The patch that makes the live object what was written, and its media type; {} for no difference.

    Built-in kinds are merged by their merge keys; custom resources as plain JSON.
    """
    from kubepy.machinery.patch import merge_patch, strategic_diff

    original = last_applied.read(current) or {}
    schema = strategic_schema(info)
    if schema is None:
        patch = merge_patch.create_three_way(original, modified, current)
        return patch, "application/merge-patch+json"
    patch = strategic_diff.create_three_way(original, modified, current, schema)
    return patch, "application/strategic-merge-patch+json"


def strategic_schema(info: Info) -> Any:
    """The schema of a built-in kind, None for one that only merge patches fit."""
    from kubepy.api import schemas

    try:
        return schemas.schema(info.mapping.gvk)
    except KeyError:
        return None


def _describe(info: Info) -> str:
    return (
        f'Resource: "{info.mapping.gvr}", GroupVersionKind: "{info.mapping.gvk}"\n'
        f'Name: "{info.name}", Namespace: "{info.namespace}"'
    )


COMMAND = Command(
    "apply",
    "Apply a configuration to a resource by file name or stdin",
    "kubectl apply (-f FILENAME | -k DIRECTORY) [options]",
    (
        *base.FILES,
        *base.OUTPUT,
        base.SELECTOR,
        base.DRY_RUN,
        base.VALIDATE,
        base.field_manager("kubectl-client-side-apply"),
        base.TIMEOUT,
        Flag("force", "bool", help="If true, immediately remove resources from API and bypass graceful deletion."),
        Flag("force-conflicts", "bool", help="If true, server-side apply will force the changes against conflicts."),
        Flag("server-side", "bool", help="If true, apply runs in the server instead of the client."),
        Flag("overwrite", "bool", default=True, help="Automatically resolve conflicts between the modified and live configuration by using values from the modified configuration"),
        Flag("wait", "bool", help="If true, wait for resources to be gone before returning."),
    ),
    run,
    examples="""
        # Apply the configuration in pod.json to a pod
        kubectl apply -f ./pod.json

        # Apply the JSON passed into stdin to a pod
        cat pod.json | kubectl apply -f -
    """,
)  # fmt: skip
