"""kubectl apply --server-side: one request, and taking over what client-side apply has owned so far."""

from __future__ import annotations

from typing import Any

from kubepy.kubectl import last_applied, results
from kubepy.kubectl.builder import Info
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.session import Session
from kubepy.machinery import errors, meta
from kubepy.machinery.apply import fields as sets
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

MANAGER = "kubectl"
LAST_APPLIED_MANAGER = "kubectl-last-applied"
_RETRIES = 5
_ANNOTATION_PATH = ("f:metadata", "f:annotations", f"f:{last_applied.ANNOTATION}")
_RETRIED = "This is non-fatal and will be retried next time you apply. Error: "

CONFLICT_HELP = """Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"""


async def server_side(session: Session, info: Info) -> Obj:
    """Apply the manifest; the object as the server has it then."""
    values = session.values
    manager = values.text("field-manager") if values.given("field-manager") else MANAGER
    try:
        obj = await _apply(session, info, manager, info.obj)
    except StatusError as error:
        if errors.is_conflict(error):
            raise CommandError(f"{error.message}\n{CONFLICT_HELP}") from None
        raise
    try:
        obj = await _keep_annotation(session, info, manager, obj)
    except StatusError as error:
        what = f"failed to migrate {last_applied.ANNOTATION} for Server-Side Apply."
        session.warn(f"{what} {_RETRIED}{error.message}")
        return obj
    try:
        migrated = await _migrate(session, info, manager, obj)
    except StatusError as error:
        what = "server rejected managed fields migration to Server-Side Apply."
        session.warn(f"{what} {_RETRIED}{error.message}")
        return obj
    if migrated is None:
        return obj
    try:
        # What the manifest does not have any more can go now.
        return await _apply(session, info, manager, info.obj)
    except StatusError as error:
        what = "failed to re-apply configuration after performing Server-Side Apply migration."
        session.warn(f"{what} {_RETRIED}{error.message}")
        return migrated


async def _apply(session: Session, info: Info, manager: str, config: Obj) -> Obj:
    params = results.write_params(session) | {
        "fieldManager": manager,
        "force": "true" if session.values.on("force-conflicts") else "false",
    }
    return await session.request(
        "PATCH", info.path, params=params, body=config, content_type="application/apply-patch+yaml"
    )


async def _keep_annotation(session: Session, info: Info, manager: str, obj: Obj) -> Obj:
    """Give the annotation of client-side apply a manager, so that it stays when its writer is taken over."""
    text = meta.annotations(obj).get(last_applied.ANNOTATION)
    if manager != MANAGER or text is None or _owners(obj, "Apply"):
        return obj
    metadata = {"name": meta.name(obj), "annotations": {last_applied.ANNOTATION: text}}
    if meta.namespace(obj):
        metadata["namespace"] = meta.namespace(obj)
    config = {"apiVersion": info.mapping.gvk.api_version, "kind": info.mapping.kind, "metadata": metadata}
    params = results.write_params(session) | {"fieldManager": LAST_APPLIED_MANAGER}
    return await session.request(
        "PATCH", info.path, params=params, body=config, content_type="application/apply-patch+yaml"
    )


async def _migrate(session: Session, info: Info, manager: str, obj: Obj) -> Obj | None:
    """Hand the fields of client-side apply's managers over to `manager`; None when they have none."""
    old = {entry["manager"] for entry in _owners(obj, "Update")}
    for attempt in range(_RETRIES):
        before = obj["metadata"].get("managedFields") or []
        after = before
        for name in sorted(old):
            after = upgraded(after, name, manager)
        if after == before:
            return None
        operations = [
            {"op": "replace", "path": "/metadata/managedFields", "value": after},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": meta.resource_version(obj)},
        ]
        try:
            return await session.request(
                "PATCH",
                info.path,
                params=results.write_params(session),
                body=operations,
                content_type="application/json-patch+json",
            )
        except StatusError as error:
            if not errors.is_conflict(error) or attempt == _RETRIES - 1:
                raise
            obj = await session.request("GET", info.path)
    return None


def _owners(obj: Obj, operation: str) -> list[Obj]:
    """The entries of an operation that own the annotation of client-side apply."""
    return [
        entry
        for entry in (obj.get("metadata") or {}).get("managedFields") or []
        if entry.get("operation") == operation
        and sets.contains(entry.get("fieldsV1") or {"f:none": sets.LEAF}, *_ANNOTATION_PATH)
    ]


def upgraded(entries: list[Obj], updater: str, applier: str) -> list[Obj]:
    """managedFields in which the applier owns what the updater owned."""

    def is_updater(entry: Obj) -> bool:
        return _is(entry, updater, "Update")

    target = next((index for index, entry in enumerate(entries) if _is(entry, applier, "Apply")), None)
    if target is None:
        target = next((index for index, entry in enumerate(entries) if is_updater(entry)), None)
    if target is None:
        return entries
    fields: Any = entries[target].get("fieldsV1") or {}
    for entry in entries:
        if is_updater(entry):
            fields = sets.union(fields, entry.get("fieldsV1") or {})
            break
    made = {**entries[target], "manager": applier, "operation": "Apply", "fieldsV1": fields}
    return [
        made if index == target else entry
        for index, entry in enumerate(entries)
        if index == target or not is_updater(entry)
    ]


def _is(entry: Obj, manager: str, operation: str) -> bool:
    return (
        entry.get("manager") == manager
        and entry.get("operation") == operation
        and not entry.get("subresource")
    )
