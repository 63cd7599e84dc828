"""Rules of what is particular to Windows pods, and of what they may not have."""

from __future__ import annotations

import re

from kubepy.api.validation.formats import dns_subdomain
from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value, not_supported, required
from kubepy.machinery.meta import Obj

_MAX_SPEC_KIB = 64
_MAX_DOMAIN = 256
_MAX_USER = 104
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NETBIOS = re.compile(r"""[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}""")
_DNS_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS_NAME = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*")
_BAD_USER_CHARACTERS = re.compile(r'["/\\:;|=,+*?<>@\[\]]')
_SYSTEMS = ("linux", "windows")
_LINUX_ONLY_POD_CONTEXT = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
)
_LINUX_ONLY_SPEC = ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace")
_LINUX_ONLY_CONTEXT = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)


def validate_windows_options(options: Obj, path: str) -> list[Cause]:
    """Check windowsOptions of a security context."""
    causes: list[Cause] = []
    name = options.get("gmsaCredentialSpecName")
    if name is not None:
        causes += dns_subdomain(name, f"{path}.gmsaCredentialSpecName")
    spec = options.get("gmsaCredentialSpec")
    if spec is not None:
        at = f"{path}.gmsaCredentialSpec"
        if not spec:
            causes.append(invalid_value(at, spec, "gmsaCredentialSpec cannot be an empty string"))
        elif len(spec.encode()) > _MAX_SPEC_KIB * 1024:
            detail = f"gmsaCredentialSpec size must be under {_MAX_SPEC_KIB} KiB"
            causes.append(invalid_value(at, spec, detail))
    user = options.get("runAsUserName")
    if user is not None:
        causes += [
            invalid_value(f"{path}.runAsUserName", user, f"runAsUserName{detail}")
            for detail in _user_name_errors(user)
        ]
    return causes


def _user_name_errors(value: str) -> list[str]:
    if not value:
        return [" cannot be an empty string"]
    if _CONTROL.search(value):
        return [" cannot contain control characters"]
    parts = value.split("\\")
    if len(parts) > 2:
        return [" cannot contain more than one backslash"]
    errors: list[str] = []
    user = parts[-1]
    if len(parts) == 2:
        domain = parts[0]
        if len(domain) >= _MAX_DOMAIN:
            errors.append(f"'s Domain length must be under {_MAX_DOMAIN} characters")
        if not _NETBIOS.fullmatch(domain) and not _DNS_NAME.fullmatch(domain):
            errors.append("'s Domain doesn't match the NetBios nor the DNS format")
    if not user:
        errors.append("'s User cannot be empty")
    elif len(user) > _MAX_USER:
        errors.append(f"'s User length must not be longer than {_MAX_USER} characters")
    if user and not user.strip(". "):
        errors.append("'s User cannot contain only periods or spaces")
    if _BAD_USER_CHARACTERS.search(user):
        errors.append("'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
    return errors


def validate_host_process(spec: Obj, containers: list[tuple[Obj, str]], path: str) -> list[Cause]:
    """Host process containers come all or none, and with the host's network."""
    causes: list[Cause] = []
    pod_wide = ((spec.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")
    count = 0
    for container, at in containers:
        own = ((container.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")
        if pod_wide is not None and own is not None and pod_wide != own:
            shown = str(pod_wide).lower()
            detail = f"pod hostProcess value must be identical if both are specified, was {shown}"
            where = f"{at}.securityContext.windowsOptions.hostProcess"
            causes.append(invalid_value(where, own, detail))
        count += bool(pod_wide if own is None else own)
    if count:
        if count != len(containers):
            detail = (
                "If pod contains any hostProcess containers then all containers must be HostProcess "
                "containers"
            )
            causes.append(invalid_value(path, "", detail))
        if not spec.get("hostNetwork"):
            detail = "hostNetwork must be true if pod contains any hostProcess containers"
            causes.append(invalid_value(f"{path}.hostNetwork", False, detail))
    return causes


def validate_os(spec: Obj, containers: list[tuple[Obj, str]], path: str) -> list[Cause]:
    """Check spec.os and that nothing is asked for that the system does not have."""
    name = spec["os"].get("name") or ""
    if not name:
        return [required(f"{path}.os.name", "cannot be empty")]
    if name not in _SYSTEMS:
        return [not_supported(f"{path}.os", name, _SYSTEMS)]
    context = spec.get("securityContext") or {}
    if name == "linux":
        detail = "windows options cannot be set for a linux pod"
        holders = [(context, f"{path}.securityContext")]
        holders += [(c.get("securityContext") or {}, f"{at}.securityContext") for c, at in containers]
        return [
            forbidden_field(f"{at}.windowsOptions", detail)
            for holder, at in holders
            if "windowsOptions" in holder
        ]
    detail = "cannot be set for a windows pod"
    found = [f"{path}.securityContext.{f}" for f in _LINUX_ONLY_POD_CONTEXT if context.get(f) is not None]
    found += [f"{path}.{f}" for f in _LINUX_ONLY_SPEC if spec.get(f) is not None]
    for container, at in containers:
        own = container.get("securityContext") or {}
        found += [f"{at}.securityContext.{f}" for f in _LINUX_ONLY_CONTEXT if own.get(f) is not None]
    return [forbidden_field(where, detail) for where in found]
