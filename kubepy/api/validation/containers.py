"""Rules of containers: names, images, ports, environment, mounts, probes, resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubepy.api.validation.resource_lists import validate_requirements
from kubepy.api.validation.rules import all_messages, non_negative, one_of, optional_one_of
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
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)


def validate_containers(
    containers: list[Obj], path: str, volumes: Mapping[str, Obj], *, init: bool = False
) -> list[Cause]:
    """Check the containers of a list on their own; names must be unique within it."""
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{path}[{index}]"
        causes += _container(container, at, volumes)
        name = container.get("name") or ""
        if name in seen:
            causes.append(duplicate(f"{at}.name", name))
        seen.add(name)
        if init:
            causes += _init_container(container, at)
    return causes


def _init_container(container: Obj, path: str) -> list[Cause]:
    policy = container.get("restartPolicy")
    if policy is not None:
        return optional_one_of(f"{path}.restartPolicy", policy, ("Always", "Never", "OnFailure"))
    return [
        forbidden_field(f"{path}.{field}", "may not be set for init containers without restartPolicy=Always")
        for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
        if field in container
    ]


def _container(container: Obj, path: str, volumes: Mapping[str, Obj]) -> list[Cause]:
    causes: list[Cause] = []
    name = container.get("name") or ""
    if not name:
        causes.append(required(f"{path}.name"))
    elif messages := names.dns_label(name):
        causes += all_messages(f"{path}.name", name, messages)
    image = container.get("image") or ""
    if not image:
        causes.append(required(f"{path}.image"))
    elif image != image.strip():
        causes.append(invalid_value(f"{path}.image", image, "must not have leading or trailing whitespace"))
    if ports := container.get("ports"):
        causes += _ports(ports, f"{path}.ports")
    if env := container.get("env"):
        causes += _env(env, f"{path}.env")
    for index, source in enumerate(container.get("envFrom") or ()):
        causes += _env_from(source, f"{path}.envFrom[{index}]")
    if mounts := container.get("volumeMounts"):
        causes += _mounts(mounts, f"{path}.volumeMounts", volumes)
    for index, device in enumerate(container.get("volumeDevices") or ()):
        causes += _device(device, f"{path}.volumeDevices[{index}]", volumes)
    for field in ("livenessProbe", "readinessProbe", "startupProbe"):
        if field in container:
            causes += _probe(container[field], f"{path}.{field}", ready=field == "readinessProbe")
    for hook, handler in (container.get("lifecycle") or {}).items():
        if isinstance(handler, dict):
            causes += _handler(handler, f"{path}.lifecycle.{hook}", (*_HANDLERS[:3], "sleep"))
    policy = container.get("terminationMessagePolicy")
    causes += one_of(f"{path}.terminationMessagePolicy", policy, ("FallbackToLogsOnError", "File"))
    causes += one_of(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), PULL_POLICIES)
    if resources := container.get("resources"):
        causes += validate_requirements(resources, f"{path}.resources")
    if context := container.get("securityContext"):
        causes += _security_context(context, f"{path}.securityContext")
    return causes


def _ports(ports: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at = f"{path}[{index}]"
        name = port.get("name")
        if name:
            if messages := names.port_name(name):
                causes += all_messages(f"{at}.name", name, messages)
            elif name in seen:
                causes.append(duplicate(f"{at}.name", name))
            seen.add(name)
        number = port.get("containerPort") or 0
        if not number:
            causes.append(required(f"{at}.containerPort"))
        else:
            causes += all_messages(f"{at}.containerPort", number, names.port_number(number))
        if host := port.get("hostPort"):
            causes += all_messages(f"{at}.hostPort", host, names.port_number(host))
        causes += one_of(f"{at}.protocol", port.get("protocol"), PROTOCOLS)
    return causes


def _env(variables: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, variable in enumerate(variables):
        at = f"{path}[{index}]"
        name = variable.get("name") or ""
        if not name:
            causes.append(required(f"{at}.name"))
        else:
            causes += all_messages(f"{at}.name", name, names.env_var_name(name))
        source = variable.get("valueFrom")
        if source is not None:
            causes += _env_source(source, variable, f"{at}.valueFrom")
    return causes


def _env_source(source: Obj, variable: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    given = [field for field in _ENV_SOURCES if field in source]
    if not given:
        listed = ", ".join(f"`{field}`" for field in _ENV_SOURCES[:-1])
        causes.append(invalid_value(path, "", f"must specify one of: {listed} or `{_ENV_SOURCES[-1]}`"))
    elif len(given) > 1:
        causes.append(invalid_value(path, "", "may not have more than one field specified at a time"))
    if variable.get("value") and given:
        causes.append(invalid_value(path, "", "may not be specified when `value` is not empty"))
    if "fieldRef" in source:
        causes += _field_ref(source["fieldRef"], f"{path}.fieldRef", _ENV_FIELDS)
    for field in ("configMapKeyRef", "secretKeyRef"):
        if field in source:
            key = source[field].get("key") or ""
            if not source[field].get("name"):
                causes.append(required(f"{path}.{field}.name"))
            if not key:
                causes.append(required(f"{path}.{field}.key"))
            else:
                causes += all_messages(f"{path}.{field}.key", key, names.config_map_key(key))
    if "resourceFieldRef" in source and not source["resourceFieldRef"].get("resource"):
        causes.append(required(f"{path}.resourceFieldRef.resource"))
    return causes


def _field_ref(reference: Obj, path: str, allowed: tuple[str, ...]) -> list[Cause]:
    if not reference.get("apiVersion"):
        return [required(f"{path}.apiVersion")]
    field = reference.get("fieldPath") or ""
    if not field:
        return [required(f"{path}.fieldPath")]
    for prefix in ("metadata.labels['", "metadata.annotations['"):
        if field.startswith(prefix) and field.endswith("']"):
            key = field[len(prefix) : -2]
            return all_messages(path, key, names.qualified_name(key.lower()))
    if field not in allowed:
        return [not_supported(f"{path}.fieldPath", field, sorted(allowed))]
    return []


def _env_from(source: Obj, path: str) -> list[Cause]:
    given = [field for field in ("configMapRef", "secretRef") if field in source]
    if len(given) != 1:
        detail = (
            "must specify one of: `configMapRef` or `secretRef`"
            if not given
            else "may not have more than one field specified at a time"
        )
        return [invalid_value(path, "", detail)]
    return [] if source[given[0]].get("name") else [required(f"{path}.{given[0]}.name")]


def _mounts(mounts: list[Obj], path: str, volumes: Mapping[str, Obj]) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        at = f"{path}[{index}]"
        name, where = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            causes.append(required(f"{at}.name"))
        elif name not in volumes:
            causes.append(not_found_value(f"{at}.name", name))
        if not where:
            causes.append(required(f"{at}.mountPath"))
        elif where in seen:
            causes.append(invalid_value(f"{at}.mountPath", where, "must be unique"))
        seen.add(where)
        for field in ("subPath", "subPathExpr"):
            if inner := mount.get(field):
                causes += _inner_path(inner, f"{at}.{field}")
        if mount.get("subPath") and mount.get("subPathExpr"):
            detail = "subPathExpr and subPath are mutually exclusive"
            causes.append(invalid_value(f"{at}.subPathExpr", mount["subPathExpr"], detail))
        causes += optional_one_of(
            f"{at}.mountPropagation",
            mount.get("mountPropagation"),
            ("Bidirectional", "HostToContainer", "None"),
        )
    return causes


def _device(device: Obj, path: str, volumes: Mapping[str, Obj]) -> list[Cause]:
    name = device.get("name") or ""
    if not name:
        return [required(f"{path}.name")]
    if name not in volumes:
        return [not_found_value(f"{path}.name", name)]
    return [] if device.get("devicePath") else [required(f"{path}.devicePath")]


def _inner_path(value: str, path: str) -> list[Cause]:
    if value.startswith("/"):
        return [invalid_value(path, value, "must be a relative path")]
    return [invalid_value(path, value, "must not contain '..'")] if ".." in value.split("/") else []


def _probe(probe: Obj, path: str, *, ready: bool) -> list[Cause]:
    causes = _handler(probe, path, _HANDLERS)
    for field in (
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ):
        causes += non_negative(f"{path}.{field}", probe.get(field))
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None:
        at = f"{path}.terminationGracePeriodSeconds"
        if ready:
            causes.append(invalid_value(at, grace, "must not be set for readinessProbes"))
        elif grace <= 0:
            causes.append(invalid_value(at, grace, "must be greater than 0"))
    if not ready and probe.get("successThreshold", 1) != 1:
        causes.append(invalid_value(f"{path}.successThreshold", probe["successThreshold"], "must be 1"))
    return causes


def _handler(handler: Obj, path: str, kinds: tuple[str, ...]) -> list[Cause]:
    given = [kind for kind in kinds if kind in handler]
    if not given:
        return [required(path, "must specify a handler type")]
    causes = [
        forbidden_field(f"{path}.{kind}", "may not specify more than 1 handler type") for kind in given[1:]
    ]
    kind, action = given[0], handler[given[0]]
    at = f"{path}.{kind}"
    match kind:
        case "exec":
            if not action.get("command"):
                causes.append(required(f"{at}.command"))
        case "httpGet":
            if not action.get("path"):
                causes.append(required(f"{at}.path"))
            causes += _handler_port(action.get("port"), f"{at}.port")
            causes += one_of(f"{at}.scheme", action.get("scheme"), ("HTTP", "HTTPS"))
        case "tcpSocket":
            causes += _handler_port(action.get("port"), f"{at}.port")
        case "grpc":
            number = action.get("port") or 0
            causes += all_messages(f"{at}.port", number, names.port_number(number))
    return causes


def _handler_port(port: Any, path: str) -> list[Cause]:
    if isinstance(port, str):
        return all_messages(path, port, names.port_name(port))
    return all_messages(path, port or 0, names.port_number(port or 0))


def _security_context(context: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field in ("runAsUser", "runAsGroup"):
        value = context.get(field)
        if value is not None and not 0 <= value < 2**31:
            detail = "must be between 0 and 2147483647, inclusive"
            causes.append(invalid_value(f"{path}.{field}", value, detail))
    if context.get("allowPrivilegeEscalation") is False and context.get("privileged"):
        causes.append(
            invalid_value(
                path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            )
        )
    return causes
