"""Rules of security contexts, of pods and of containers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubepy.api.validation.formats import local_descending_path, sysctl_name, user_or_group_id
from kubepy.api.validation.windows import validate_windows_options
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from kubepy.machinery.meta import Obj

_SECCOMP_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")
_APPARMOR_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")
_GROUP_CHANGES = ("Always", "OnRootMismatch")
_SUPPLEMENTAL_POLICIES = ("Merge", "Strict")
_SELINUX_POLICIES = ("MountOption", "Recursive")
_PROC_MOUNTS = ("Default", "Unmasked")
_MAX_PROFILE = 4095
_IPC_SYSCTLS = ("kernel.shm", "kernel.msg", "fs.mqueue.")


def all_containers(spec: Obj, path: str) -> Iterator[tuple[Obj, str]]:
    """Yield every container of a pod's spec with its path: init, ordinary and ephemeral ones."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            yield container, f"{path}.{field}[{index}]"


def validate_container_context(context: Obj, path: str, *, host_users: bool) -> list[Cause]:
    """Check the security context of a container."""
    causes = user_or_group_id(context.get("runAsUser"), f"{path}.runAsUser")
    causes += user_or_group_id(context.get("runAsGroup"), f"{path}.runAsGroup")
    proc = context.get("procMount")
    if proc is not None:
        if proc not in _PROC_MOUNTS:
            causes.append(not_supported(f"{path}.procMount", proc, _PROC_MOUNTS))
        if host_users and proc == "Unmasked":
            detail = "`hostUsers` must be false to use `Unmasked`"
            causes.append(invalid_value(f"{path}.procMount", proc, detail))
    if "seccompProfile" in context:
        causes += validate_seccomp(context["seccompProfile"], f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            causes.append(invalid_value(path, context, detail))
        for capability in (context.get("capabilities") or {}).get("add") or ():
            if capability == "CAP_SYS_ADMIN":
                detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
                causes.append(invalid_value(path, context, detail))
    if "windowsOptions" in context:
        causes += validate_windows_options(context["windowsOptions"], f"{path}.windowsOptions")
    if "appArmorProfile" in context:
        causes += validate_apparmor(context["appArmorProfile"], f"{path}.appArmorProfile")
    return causes


def validate_pod_context(context: Obj, spec: Obj, path: str) -> list[Cause]:
    """Check the security context of a pod's spec."""
    causes = user_or_group_id(context.get("fsGroup"), f"{path}.fsGroup")
    causes += user_or_group_id(context.get("runAsUser"), f"{path}.runAsUser")
    causes += user_or_group_id(context.get("runAsGroup"), f"{path}.runAsGroup")
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        causes += user_or_group_id(group, f"{path}.supplementalGroups[{index}]")
    if sysctls := context.get("sysctls"):
        causes += _sysctls(sysctls, spec, f"{path}.sysctls")
    causes += _one_of(context, path, "fsGroupChangePolicy", _GROUP_CHANGES)
    if "seccompProfile" in context:
        causes += validate_seccomp(context["seccompProfile"], f"{path}.seccompProfile")
    if "windowsOptions" in context:
        causes += validate_windows_options(context["windowsOptions"], f"{path}.windowsOptions")
    if "appArmorProfile" in context:
        causes += validate_apparmor(context["appArmorProfile"], f"{path}.appArmorProfile")
    causes += _one_of(context, path, "supplementalGroupsPolicy", _SUPPLEMENTAL_POLICIES)
    causes += _one_of(context, path, "seLinuxChangePolicy", _SELINUX_POLICIES)
    return causes


def _one_of(context: Obj, path: str, field: str, allowed: tuple[str, ...]) -> list[Cause]:
    value: Any = context.get(field)
    if value is None or value in allowed:
        return []
    return [not_supported(f"{path}.{field}", value, allowed)]


def _sysctls(sysctls: list[Obj], spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, sysctl in enumerate(sysctls):
        at, name = f"{path}[{index}].name", sysctl.get("name") or ""
        if not name:
            causes.append(required(at))
        elif wrong := sysctl_name(name, at):
            causes += wrong
        elif name in seen:
            causes.append(duplicate(at, name))
        normal = name.replace("/", ".")
        if spec.get("hostNetwork") and normal.startswith("net."):
            causes.append(invalid_value(at, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.get("hostIPC") and (normal == "kernel.sem" or normal.startswith(_IPC_SYSCTLS)):
            causes.append(invalid_value(at, name, "may not be specified when 'hostIPC' is true"))
        seen.add(name)
    return causes


def validate_seccomp(profile: Obj, path: str) -> list[Cause]:
    """Check a seccomp profile."""
    causes: list[Cause] = []
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    if not kind:
        causes.append(required(f"{path}.type", "type is required when seccompProfile is set"))
    elif kind not in _SECCOMP_TYPES:
        causes.append(not_supported(f"{path}.type", kind, _SECCOMP_TYPES))
    at = f"{path}.localhostProfile"
    if kind != "Localhost":
        if local is not None:
            detail = "can only be set when seccomp type is Localhost"
            causes.append(invalid_value(at, profile, detail))
    elif local is None:
        causes.append(required(at, "must be set when seccomp type is Localhost"))
    else:
        causes += local_descending_path(local, at)
    return causes


def validate_apparmor(profile: Obj, path: str) -> list[Cause]:
    """Check an AppArmor profile."""
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    at = f"{path}.localhostProfile"
    if kind == "Localhost":
        missing = "must be set when AppArmor type is Localhost"
        if local is None:
            return [required(at, missing)]
        causes: list[Cause] = []
        if local != local.strip():
            causes.append(invalid_value(at, local, "must not be padded with whitespace"))
        elif not local:
            causes.append(required(at, missing))
        if len(local.encode()) > _MAX_PROFILE:
            causes.append(too_long(at, _MAX_PROFILE))
        return causes
    if kind in _APPARMOR_TYPES:
        if local is None:
            return []
        return [invalid_value(at, local, "can only be set when AppArmor type is Localhost")]
    if not kind:
        return [required(f"{path}.type", "type is required when appArmorProfile is set")]
    return [not_supported(f"{path}.type", kind, _APPARMOR_TYPES)]


def validate_host_users(spec: Obj, path: str) -> list[Cause]:
    """A pod with users of its own may not share the host's other namespaces."""
    if spec.get("hostUsers") is not False:
        return []
    detail = "when `pod.Spec.HostUsers` is false"
    # Two of the paths begin with a capital letter, in Kubernetes too.
    shared = (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC"))
    return [forbidden_field(f"{path}.{shown}", detail) for field, shown in shared if spec.get(field)]
