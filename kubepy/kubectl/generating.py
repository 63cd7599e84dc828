"""What `create KIND` and `run` and `expose` share: making an object from flags and sending it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kubepy.kubectl import last_applied, results
from kubepy.kubectl.commands import base
from kubepy.kubectl.discovery import Mapping
from kubepy.kubectl.failures import CommandError, UsageError
from kubepy.kubectl.flags import Flag
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.session import Session

FLAGS = (
    *base.OUTPUT,
    base.DRY_RUN,
    base.VALIDATE,
    base.field_manager("kubectl-create"),
    Flag("save-config", "bool", help="If true, the object's configuration will be saved in its annotation."),
)  # fmt: skip

# kubectl wraps the server's refusal differently from kind to kind, or not at all.
_FAILED_TO_CREATE = {
    "ConfigMap": "configmap:",
    "CronJob": "cronjob:",
    "Deployment": "deployment:",
    "Ingress": "ingress:",
    "Job": "job:",
    "PodDisruptionBudget": "poddisruptionbudgets:",
    "PriorityClass": "priorityclass:",
    "ResourceQuota": "quota:",
    "RoleBinding": "rolebinding:",
    "ClusterRoleBinding": "clusterrolebinding:",
    "Secret": "secret",
    "Service": "{} service:",
    "ServiceAccount": "serviceaccount:",
}


def exactly_one_name(words: Sequence[str]) -> str:
    """The NAME of `create KIND NAME`."""
    if len(words) != 1:
        raise UsageError(f"exactly one NAME is required, got {len(words)}")
    return words[0]


def metadata(name: str, **more: object) -> Obj:
    """Metadata as Go writes that of a new object."""
    return {"creationTimestamp": None, "name": name} | more


async def create(session: Session, obj: Obj, plural: str, *, namespaced: bool = True) -> None:
    """Send the object (unless it is a dry run on the client) and tell its outcome."""
    gvk = GVK.of(obj)
    mapping = Mapping(GVR(gvk.group, gvk.version, plural), gvk.kind, namespaced)
    client_only = results.dry_run(session) == "client"
    if namespaced and (session.explicit_namespace or not client_only):
        obj = obj | {"metadata": obj["metadata"] | {"namespace": session.namespace}}
    if session.values.has("save-config") and session.values.on("save-config"):
        obj = last_applied.annotated(obj)
    reporter = results.Reporter(session)
    if not client_only:
        path = mapping.path(session.namespace)
        try:
            obj = await session.request("POST", path, params=results.write_params(session), body=obj)
        except Exception as error:
            from kubepy.machinery.errors import StatusError, is_invalid

            what = _FAILED_TO_CREATE.get(gvk.kind)
            if not isinstance(error, StatusError) or is_invalid(error) or what is None:
                raise
            kind = (obj.get("spec") or {}).get("type", "")
            raise CommandError(f"failed to create {what.format(kind)} {error.message}") from None
    reporter.report(mapping, obj, "created")


def pairs(items: Sequence[str], flag: str) -> list[tuple[str, str]]:
    """`key=value` arguments."""
    found: list[tuple[str, str]] = []
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise CommandError(f'invalid {flag} "{item}", expected key=value')
        found.append((key, value))
    return found


def file_contents(arguments: Sequence[str], *, kind: str = "file") -> dict[str, bytes]:
    """What --from-file names: `[key=]FILE`, or a folder whose files become keys."""
    found: dict[str, bytes] = {}
    for argument in arguments:
        key, equals, name = argument.partition("=")
        path = Path(name if equals else argument)
        if equals and (not key or not name):
            raise CommandError(
                f"key name for {kind} path {name} missing"
                if not key
                else f"{kind} path for key name {key} missing"
            )
        if not path.exists():
            raise CommandError(f"error reading {path}: no such file or directory")
        if path.is_dir():
            if equals:
                raise CommandError("cannot give a key name for a directory path")
            files = [(file.name, file) for file in sorted(path.iterdir()) if file.is_file()]
        else:
            files = [(key if equals else path.name, path)]
        for name, file in files:
            _add(found, name, file.read_bytes())
    return found


def env_contents(names: Sequence[str]) -> dict[str, bytes]:
    """What --from-env-file names: lines KEY=VALUE; a key alone is taken from the environment."""
    import os

    found: dict[str, bytes] = {}
    for name in names:
        for raw in Path(name).read_text(encoding="utf-8").splitlines():
            line = raw.lstrip()
            if not line or line.startswith("#"):
                continue
            key, equals, value = line.partition("=")
            if equals:
                _add(found, key, value.encode())
            elif key in os.environ:
                _add(found, key, os.environ[key].encode())
    return found


def literal_contents(arguments: Sequence[str]) -> dict[str, bytes]:
    """What --from-literal says."""
    found: dict[str, bytes] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            raise CommandError(f"invalid literal source {argument}, expected key=value")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        _add(found, key, value.encode())
    return found


def _add(found: dict[str, bytes], key: str, value: bytes) -> None:
    if key in found:
        raise CommandError(f'cannot add key "{key}", another key by that name already exists in Data')
    found[key] = value


def encoded(contents: dict[str, bytes]) -> dict[str, str]:
    """A Secret's data."""
    return {key: base64.b64encode(value).decode() for key, value in contents.items()}


def split_text(contents: dict[str, bytes]) -> tuple[dict[str, str], dict[str, str]]:
    """A ConfigMap's data and binaryData."""
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    for key, value in contents.items():
        try:
            data[key] = value.decode("utf-8")
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(value).decode()
    return data, binary
