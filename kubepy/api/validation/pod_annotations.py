"""Rules of annotations that mean something on pods: mirror pods, deletion cost, old profile annotations."""

from __future__ import annotations

import re

from kubepy.api.validation.formats import local_descending_path
from kubepy.api.validation.security import all_containers
from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value
from kubepy.machinery.meta import Obj

MIRROR = "kubernetes.io/config.mirror"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_LOCALHOST = "localhost/"
_SECCOMP_DEFAULTS = ("runtime/default", "docker/default")
_UNCONFINED = "unconfined"
_COST = re.compile(r"0|-?[1-9][0-9]*")


def validate_pod_annotations(annotations: Obj, spec: Obj, path: str) -> list[Cause]:
    """Check the annotations of a pod or template on their own."""
    causes: list[Cause] = []
    if MIRROR in annotations and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        causes.append(invalid_value(f"{path}[{MIRROR}]", annotations[MIRROR], detail))
    cost = annotations.get(DELETION_COST)
    if cost is not None and not (_COST.fullmatch(cost) and -(2**31) <= int(cost) < 2**31):
        causes.append(invalid_value(f"{path}[{DELETION_COST}]", cost, "must be a 32bit integer"))
    for key, value in annotations.items():
        if key == SECCOMP_POD or key.startswith(SECCOMP_CONTAINER):
            causes += _seccomp(value, f"{path}.{key}")
    for key, value in annotations.items():
        if key.startswith(APPARMOR):
            causes += _apparmor(key, value, spec, path)
    return causes


def _seccomp(value: str, path: str) -> list[Cause]:
    if value == _UNCONFINED or value in _SECCOMP_DEFAULTS:
        return []
    if value.startswith(_LOCALHOST):
        return local_descending_path(value.removeprefix(_LOCALHOST), path)
    return [invalid_value(path, value, "must be a valid seccomp profile")]


def _apparmor(key: str, value: str, spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    name = key.removeprefix(APPARMOR)
    if all(container.get("name") != name for container, _ in all_containers(spec, "")):
        causes.append(invalid_value(f"{path}[{key}]", name, "container not found"))
    if value not in ("", "runtime/default", _UNCONFINED) and not value.startswith(_LOCALHOST):
        detail = f'invalid AppArmor profile name: "{value}"'
        causes.append(invalid_value(f"{path}[{key}]", value, detail))
    return causes


def validate_annotations_match_fields(annotations: Obj, spec: Obj, path: str) -> list[Cause]:
    """Old annotations and the fields that replaced them must say the same."""
    causes: list[Cause] = []
    pod_context = spec.get("securityContext") or {}
    if SECCOMP_POD in annotations and (profile := pod_context.get("seccompProfile")):
        at = f"{path}.securityContext.seccompProfile"
        causes += _same_profile("seccomp", annotations[SECCOMP_POD], profile, at)
    for container, where in all_containers(spec, path):
        value = annotations.get(f"{SECCOMP_CONTAINER}{container.get('name')}")
        profile = (container.get("securityContext") or {}).get("seccompProfile")
        if value is not None and profile:
            at = f"{where}.securityContext.seccompProfile"
            causes += _same_profile("seccomp", value, profile, at)
    if (spec.get("os") or {}).get("name") == "windows":
        return causes
    for container, where in all_containers(spec, path):
        value = annotations.get(f"{APPARMOR}{container.get('name')}")
        own = (container.get("securityContext") or {}).get("appArmorProfile")
        profile = own or pod_context.get("appArmorProfile")
        if value is not None and profile:
            at = f"{where}.securityContext.appArmorProfile"
            causes += _same_profile("apparmor", value, profile, at)
    return causes


def _same_profile(what: str, value: str, profile: Obj, path: str) -> list[Cause]:
    kind = profile.get("type")
    defaults = _SECCOMP_DEFAULTS if what == "seccomp" else ("runtime/default",)
    same_type = {
        "Unconfined": value == _UNCONFINED,
        "RuntimeDefault": value in defaults,
        "Localhost": value.startswith(_LOCALHOST),
    }.get(kind or "", True)
    if not same_type:
        detail = f"{what} type in annotation and field must match"
        return [forbidden_field(f"{path}.type", detail)]
    if kind == "Localhost" and value.removeprefix(_LOCALHOST) != profile.get("localhostProfile"):
        detail = f"{what} profile in annotation and field must match"
        return [forbidden_field(f"{path}.localhostProfile", detail)]
    return []


def validate_annotation_updates(annotations: Obj, old: Obj, spec: Obj, path: str) -> list[Cause]:
    """Check the change of a pod's annotations."""
    if annotations == old:
        return []
    causes: list[Cause] = []
    for key, value in old.items():
        if annotations.get(key) == value:
            continue
        if key.startswith(APPARMOR):
            detail = "may not remove or update AppArmor annotations"
            causes.append(forbidden_field(f"{path}[{key}]", detail))
        if key == MIRROR:
            detail = "may not remove or update mirror pod annotation"
            causes.append(forbidden_field(f"{path}[{key}]", detail))
    for key in annotations:
        if key in old:
            continue
        if key.startswith(APPARMOR):
            causes.append(forbidden_field(f"{path}[{key}]", "may not add AppArmor annotations"))
        if key == MIRROR:
            causes.append(forbidden_field(f"{path}[{key}]", "may not add mirror pod annotation"))
    return causes + validate_pod_annotations(annotations, spec, path)
