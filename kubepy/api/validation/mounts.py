"""Rules of volume mounts and block devices of containers."""

from __future__ import annotations

from collections.abc import Mapping

from kubepy.api.validation.formats import local_descending_path
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    not_found_value,
    not_supported,
    required,
)
from kubepy.machinery.meta import Obj

_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def validate_mounts(container: Obj, path: str, volumes: Mapping[str, Obj]) -> list[Cause]:
    """Check a container's mounts against the pod's volumes and the container's devices."""
    causes: list[Cause] = []
    seen: set[str] = set()
    devices = container.get("volumeDevices") or ()
    device_names = {device.get("name") for device in devices}
    device_paths = {device.get("devicePath") for device in devices}
    for index, mount in enumerate(container["volumeMounts"]):
        name, where = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            causes.append(required(f"{path}[{index}].name"))
        if name not in volumes:
            causes.append(not_found_value(f"{path}[{index}].name", name))
        if not where:
            causes.append(required(f"{path}[{index}].mountPath"))
        if where in seen:
            causes.append(invalid_value(f"{path}[{index}].mountPath", where, "must be unique"))
        seen.add(where)
        if name in device_names:
            detail = "must not already exist in volumeDevices"
            causes.append(invalid_value(f"{path}[{index}].name", name, detail))
        if where in device_paths:
            detail = "must not already exist as a path in volumeDevices"
            causes.append(invalid_value(f"{path}[{index}].mountPath", where, detail))
        if len(mount) > 2:
            causes += _options(mount, path, index, container)
    return causes


def _options(mount: Obj, path: str, index: int, container: Obj) -> list[Cause]:
    causes: list[Cause] = []
    inner, expression = mount.get("subPath"), mount.get("subPathExpr")
    # Kubernetes names these fields without the mount's index.
    if inner:
        causes += local_descending_path(inner, f"{path}.subPath")
    if expression:
        if inner:
            detail = "subPathExpr and subPath are mutually exclusive"
            causes.append(invalid_value(f"{path}[{index}].subPathExpr", expression, detail))
        causes += local_descending_path(expression, f"{path}.subPathExpr")
    propagation = mount.get("mountPropagation")
    if propagation is not None:
        at = f"{path}.mountPropagation"
        if propagation not in _PROPAGATIONS:
            causes.append(not_supported(at, propagation, _PROPAGATIONS))
        privileged = (container.get("securityContext") or {}).get("privileged")
        if propagation == "Bidirectional" and not privileged:
            detail = "Bidirectional mount propagation is available only to privileged containers"
            causes.append(forbidden_field(at, detail))
    recursive = mount.get("recursiveReadOnly")
    if recursive is not None:
        causes += _recursive_read_only(mount, recursive, f"{path}.recursiveReadOnly")
    return causes


def _recursive_read_only(mount: Obj, value: str, path: str) -> list[Cause]:
    if value not in _RECURSIVE:
        return [not_supported(path, value, _RECURSIVE)]
    causes: list[Cause] = []
    if value != "Disabled":
        if not mount.get("readOnly"):
            causes.append(forbidden_field(path, "may only be specified when readOnly is true"))
        if mount.get("mountPropagation", "None") != "None":
            detail = "may only be specified when mountPropagation is None or not specified"
            causes.append(forbidden_field(path, detail))
    return causes


def validate_devices(container: Obj, path: str, volumes: Mapping[str, Obj]) -> list[Cause]:
    """Check a container's block devices."""
    causes: list[Cause] = []
    mounts = container.get("volumeMounts") or ()
    mount_names = {mount.get("name") for mount in mounts}
    mount_paths = {mount.get("mountPath") for mount in mounts}
    seen_names: set[str] = set()
    seen_paths: set[str] = set()
    for index, device in enumerate(container["volumeDevices"]):
        at = f"{path}[{index}]"
        name, where = device.get("name") or "", device.get("devicePath") or ""
        volume = volumes.get(name)
        if not name:
            causes.append(required(f"{at}.name"))
        if name in seen_names:
            causes.append(invalid_value(f"{at}.name", name, "must be unique"))
        if volume is None:
            causes.append(not_found_value(f"{at}.name", name))
        elif "persistentVolumeClaim" not in volume and "ephemeral" not in volume:
            detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            causes.append(invalid_value(f"{at}.name", name, detail))
        if not where:
            causes.append(required(f"{at}.devicePath"))
        if where in seen_paths:
            causes.append(invalid_value(f"{at}.devicePath", where, "must be unique"))
        if ".." in where.split("/"):
            causes.append(invalid_value(f"{at}.devicePath", where, "can not contain backsteps ('..')"))
        else:
            seen_paths.add(where)
        if name in mount_names:
            causes.append(invalid_value(f"{at}.name", name, "must not already exist in volumeMounts"))
        if where in mount_paths:
            detail = "must not already exist as a path in volumeMounts"
            causes.append(invalid_value(f"{at}.devicePath", where, detail))
        if name:
            seen_names.add(name)
    return causes
