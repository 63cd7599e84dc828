"""Rules of containers: names, images, ports, and everything below them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from kubepy.api.validation.environment import validate_env, validate_env_from
from kubepy.api.validation.formats import dns_label, good_label
from kubepy.api.validation.mounts import validate_devices, validate_mounts
from kubepy.api.validation.probes import validate_lifecycle, validate_probe
from kubepy.api.validation.resource_lists import validate_requirements
from kubepy.api.validation.rules import all_messages
from kubepy.api.validation.security import validate_container_context
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_found_value,
    not_supported,
    required,
)
from kubepy.machinery.meta import Obj

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
PROTOCOLS = ("SCTP", "TCP", "UDP")
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_RESIZE_POLICIES = ("NotRequired", "RestartContainer")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_MAX_RULES = 20
_MAX_EXIT_CODES = 255
_NOT_EPHEMERAL = (
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
)


@dataclass(slots=True)
class PodContext:
    """What containers' rules must know of their pod's spec."""

    volumes: Mapping[str, Obj]
    claims: Collection[str]
    grace: int | None
    restart_policy: str
    host_users: bool
    os: str


def validate_containers(containers: list[Obj], path: str, pod: PodContext) -> list[Cause]:
    """Check ordinary containers."""
    if not containers:
        return [required(path)]
    causes: list[Cause] = []
    seen: set[str] = set()
    host_ports = False
    for index, container in enumerate(containers):
        at = f"{path}[{index}]"
        causes += _common(container, at, pod)
        name = container.get("name") or ""
        if name in seen:
            causes.append(duplicate(f"{at}.name", name))
        seen.add(name)
        causes += _running(container, at, pod)
        if "restartPolicy" in container or "restartPolicyRules" in container:
            causes += _restart_rules(container, at)
        host_ports = host_ports or "ports" in container
    if host_ports:
        causes += _host_port_conflicts(containers, path)
    return causes


def validate_init_containers(
    containers: list[Obj], ordinary: list[Obj], path: str, pod: PodContext
) -> list[Cause]:
    """Check init containers; those that always restart may have what ordinary containers have."""
    causes: list[Cause] = []
    taken = {container.get("name") for container in ordinary}
    for index, container in enumerate(containers):
        at = f"{path}[{index}]"
        causes += _common(container, at, pod)
        policy = container.get("restartPolicy")
        if policy is not None or "restartPolicyRules" in container:
            causes += _restart_rules(container, at)
        name = container.get("name")
        if name in taken:
            causes.append(duplicate(f"{at}.name", name))
        elif name:
            taken.add(name)
        causes += _host_port_conflicts([container], path)
        if policy == "Always":
            causes += _running(container, at, pod)
        else:
            detail = "may not be set for init containers without restartPolicy=Always"
            causes += [
                forbidden_field(f"{at}.{field}", detail)
                for field in ("lifecycle", *_PROBES)
                if field in container
            ]
            if container.get("resizePolicy"):
                detail = "must not be set for init containers"
                causes.append(invalid_value(f"{at}.resizePolicy", container["resizePolicy"], detail))
    return causes


def validate_ephemeral_containers(spec: Obj, path: str, pod: PodContext) -> list[Cause]:
    """Check ephemeral containers."""
    causes: list[Cause] = []
    others = {
        container.get("name")
        for field in ("containers", "initContainers")
        for container in spec.get(field) or ()
    }
    taken = set(others)
    for index, container in enumerate(spec["ephemeralContainers"]):
        at = f"{path}[{index}]"
        causes += _common(container, at, pod) + image_without_whitespace(container, at)
        name = container.get("name") or ""
        if name in taken:
            causes.append(duplicate(f"{at}.name", name))
        taken.add(name)
        target = container.get("targetContainerName")
        if target and target not in others:
            causes.append(not_found_value(f"{at}.targetContainerName", target))
        detail = "cannot be set for an Ephemeral Container"
        causes += [forbidden_field(f"{at}.{f}", detail) for f in _NOT_EPHEMERAL if container.get(f)]
        for position, mount in enumerate(container.get("volumeMounts") or ()):
            causes += [
                forbidden_field(f"{at}.volumeMounts[{position}].{field}", detail)
                for field in ("subPath", "subPathExpr")
                if mount.get(field)
            ]
    return causes


def image_without_whitespace(container: Obj, path: str) -> list[Cause]:
    """The rule of images in pods, from which templates are free."""
    image = container.get("image") or ""
    if image == image.strip():
        return []
    return [invalid_value(f"{path}.image", image, "must not have leading or trailing whitespace")]


def _common(container: Obj, path: str, pod: PodContext) -> list[Cause]:
    causes: list[Cause] = []
    name = container.get("name")
    if not name:
        causes.append(required(f"{path}.name"))
    elif not good_label(name):
        causes += dns_label(name, f"{path}.name")
    if not container.get("image"):
        causes.append(required(f"{path}.image"))
    policy = container.get("terminationMessagePolicy")
    if policy not in _MESSAGE_POLICIES:
        at = f"{path}.terminationMessagePolicy"
        causes.append(not_supported(at, policy, _MESSAGE_POLICIES) if policy else required(at))
    if "ports" in container:
        causes += _ports(container["ports"], f"{path}.ports")
    if "env" in container:
        causes += validate_env(container["env"], f"{path}.env")
    if "envFrom" in container:
        causes += validate_env_from(container["envFrom"], f"{path}.envFrom")
    if "volumeMounts" in container:
        causes += validate_mounts(container, f"{path}.volumeMounts", pod.volumes)
    if "volumeDevices" in container:
        causes += validate_devices(container, f"{path}.volumeDevices", pod.volumes)
    causes += pull_policy(container.get("imagePullPolicy"), path)
    if resources := container.get("resources"):
        causes += validate_requirements(resources, f"{path}.resources", pod.claims)
    if "resizePolicy" in container:
        causes += _resize_policies(container["resizePolicy"], f"{path}.resizePolicy", pod.restart_policy)
    if context := container.get("securityContext"):
        causes += validate_container_context(context, f"{path}.securityContext", host_users=pod.host_users)
    return causes


def pull_policy(policy: str | None, path: str, field: str = "imagePullPolicy") -> list[Cause]:
    """Check when an image is pulled."""
    if policy in PULL_POLICIES:
        return []
    at = f"{path}.{field}"
    return [not_supported(at, policy, PULL_POLICIES) if policy else required(at)]


def _running(container: Obj, path: str, pod: PodContext) -> list[Cause]:
    causes: list[Cause] = []
    if lifecycle := container.get("lifecycle"):
        causes += validate_lifecycle(lifecycle, f"{path}.lifecycle", pod.grace, pod.os)
    for field in _PROBES:
        if field in container:
            causes += validate_probe(container[field], field, f"{path}.{field}", pod.grace)
    return causes


def _ports(ports: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        name = port.get("name")
        if name:
            if messages := names.port_name(name):
                causes += all_messages(f"{path}[{index}].name", name, messages)
            elif name in seen:
                causes.append(duplicate(f"{path}[{index}].name", name))
            seen.add(name)
        number = port.get("containerPort") or 0
        if not number:
            causes.append(required(f"{path}[{index}].containerPort"))
        elif not 1 <= number <= 65535:
            causes += all_messages(f"{path}[{index}].containerPort", number, names.port_number(number))
        host = port.get("hostPort") or 0
        if host and not 1 <= host <= 65535:
            causes += all_messages(f"{path}[{index}].hostPort", host, names.port_number(host))
        protocol = port.get("protocol")
        if protocol not in PROTOCOLS:
            at = f"{path}[{index}].protocol"
            causes.append(not_supported(at, protocol, PROTOCOLS) if protocol else required(at))
    return causes


def _host_port_conflicts(containers: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, container in enumerate(containers):
        for position, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol') or ''}/{port.get('hostIP') or ''}/{port['hostPort']}"
            if key in seen:
                causes.append(duplicate(f"{path}[{index}].ports[{position}].hostPort", key))
            seen.add(key)
    return causes


def _resize_policies(policies: list[Obj], path: str, restart_policy: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        name, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if name in seen:
            causes.append(duplicate(f"{path}[{index}]", name))
        seen.add(name)
        if not name:
            causes.append(required(path))
        elif name not in ("cpu", "memory"):
            causes.append(not_supported(path, name, ("cpu", "memory")))
        if not restart:
            causes.append(required(path))
        elif restart not in _RESIZE_POLICIES:
            causes.append(not_supported(path, restart, _RESIZE_POLICIES))
        if restart_policy == "Never" and restart != "NotRequired":
            detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            causes.append(invalid_value(path, restart, detail))
    return causes


def _restart_rules(container: Obj, path: str) -> list[Cause]:
    """A container's own restart policy, and rules by exit code."""
    causes: list[Cause] = []
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or []
    if policy is not None and policy not in _RESTART_POLICIES:
        causes.append(not_supported(f"{path}.restartPolicy", policy, _RESTART_POLICIES))
    at = f"{path}.restartPolicyRules"
    if rules and policy is None:
        causes.append(
            required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
        )
    if len(rules) > _MAX_RULES:
        causes.append(invalid_value(at, len(rules), f"must not have more than {_MAX_RULES} rules"))
    for index, rule in enumerate(rules):
        action = rule.get("action") or ""
        if action not in ("Restart", "RestartAllContainers"):
            where = f"{at}[{index}].action"
            causes.append(not_supported(where, action, ("Restart",)) if action else required(where))
        codes = rule.get("exitCodes")
        if codes is None:
            causes.append(required(f"{at}[{index}].exitCodes", "must be specified"))
            continue
        operator, values = codes.get("operator") or "", codes.get("values") or []
        where = f"{at}[{index}].exitCodes"
        if operator not in ("In", "NotIn"):
            causes.append(
                not_supported(f"{where}.operator", operator, ("In", "NotIn"))
                if operator
                else required(f"{where}.operator")
            )
        if not values:
            detail = "must specify at least one value when operator is In or NotIn"
            causes.append(required(f"{where}.values", detail))
        elif len(values) > _MAX_EXIT_CODES:
            detail = f"must not have more than {_MAX_EXIT_CODES} values"
            causes.append(invalid_value(f"{where}.values", len(values), detail))
    return causes
