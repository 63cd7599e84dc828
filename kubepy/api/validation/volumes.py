"""Rules of a pod's volumes."""

from __future__ import annotations

from kubepy.api.validation.rules import all_messages
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import ZERO, Quantity

_HOST_PATH_TYPES = (
    "",
    "DirectoryOrCreate",
    "Directory",
    "FileOrCreate",
    "File",
    "Socket",
    "CharDevice",
    "BlockDevice",
)
_REQUIRED = {
    "hostPath": "path",
    "secret": "secretName",
    "persistentVolumeClaim": "claimName",
    "configMap": "name",
    "csi": "driver",
    "gcePersistentDisk": "pdName",
    "awsElasticBlockStore": "volumeID",
    "glusterfs": "endpoints",
    "ephemeral": "volumeClaimTemplate",
}


def validate_volumes(volumes: list[Obj], path: str) -> tuple[dict[str, Obj], list[Cause]]:
    """Check volumes; return them by name beside what is wrong."""
    causes: list[Cause] = []
    known: dict[str, Obj] = {}
    for index, volume in enumerate(volumes):
        at = f"{path}[{index}]"
        causes += _source(volume, at)
        name = volume.get("name") or ""
        if not name:
            causes.append(required(f"{at}.name"))
        elif messages := names.dns_label(name):
            causes += all_messages(f"{at}.name", name, messages)
        elif name in known:
            causes.append(duplicate(f"{at}.name", name))
        known[name] = volume
    return known, causes


def _source(volume: Obj, path: str) -> list[Cause]:
    sources = [field for field in volume if field != "name"]
    if not sources:
        return [required(path, "must specify a volume type")]
    causes = [
        forbidden_field(f"{path}.{extra}", "may not specify more than 1 volume type") for extra in sources[1:]
    ]
    kind = sources[0]
    source, at = volume[kind], f"{path}.{kind}"
    needed = _REQUIRED.get(kind)
    if needed is not None and not source.get(needed):
        causes.append(required(f"{at}.{needed}"))
    mode = source.get("defaultMode")
    if mode is not None and not 0 <= mode <= 0o777:
        detail = "must be a number between 0 and 0777 (octal), both inclusive"
        causes.append(invalid_value(f"{at}.defaultMode", mode, detail))
    match kind:
        case "hostPath":
            causes += _host_path(source, at)
        case "emptyDir":
            size = source.get("sizeLimit")
            if size is not None and Quantity.parse(size) < ZERO:
                detail = "SizeLimit field must be a valid resource quantity"
                causes.append(forbidden_field(f"{at}.sizeLimit", detail))
        case "nfs":
            causes += [required(f"{at}.{field}") for field in ("server", "path") if not source.get(field)]
        case "secret" | "configMap":
            causes += _items(source.get("items") or [], f"{at}.items")
    return causes


def _host_path(source: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    where = source.get("path") or ""
    if ".." in where.split("/"):
        causes.append(invalid_value(f"{path}.path", where, "must not contain '..'"))
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        causes.append(not_supported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return causes


def _items(items: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        if not item.get("key"):
            causes.append(required(f"{at}.key"))
        target = item.get("path") or ""
        if not target:
            causes.append(required(f"{at}.path"))
        elif target.startswith("/"):
            causes.append(invalid_value(f"{at}.path", target, "must be a relative path"))
        elif ".." in target.split("/"):
            causes.append(invalid_value(f"{at}.path", target, "must not contain '..'"))
    return causes
