"""Rules of a container's environment: variables, their sources, and references to fields and resources."""

from __future__ import annotations

from typing import Any

from kubepy.api.validation.formats import dns_subdomain, local_non_reserved_path, qualified_name
from kubepy.api.validation.rules import all_messages
from kubepy.machinery import names
from kubepy.machinery.field_errors import Cause, invalid_value, not_supported, required
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
ENV_FIELDS = frozenset(
    (
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
)
VOLUME_FIELDS = frozenset(
    ("metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid")
)
_CONVERTIBLE = ENV_FIELDS | VOLUME_FIELDS | {"spec.restartPolicy", "spec.schedulerName", "status.phase"}
_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGEPAGES = ("limits.hugepages-", "requests.hugepages-")
_CPU_DIVISORS = frozenset(("1m", "1"))
_BYTE_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")


def validate_env(variables: list[Obj], path: str) -> list[Cause]:
    """Check variables."""
    causes: list[Cause] = []
    for index, variable in enumerate(variables):
        name = variable.get("name")
        if not name:
            causes.append(required(f"{path}[{index}].name"))
        elif messages := names.env_var_name(name):
            causes += all_messages(f"{path}[{index}].name", name, messages)
        source = variable.get("valueFrom")
        if source is not None:
            causes += _value_from(source, variable, f"{path}[{index}].valueFrom")
    return causes


def _value_from(source: Obj, variable: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    given = 0
    for field in _SOURCES:
        reference = source.get(field)
        if reference is None:
            continue
        given += 1
        match field:
            case "fieldRef":
                causes += validate_field_ref(reference, f"{path}.fieldRef", ENV_FIELDS)
            case "resourceFieldRef":
                causes += validate_resource_field_ref(reference, f"{path}.resourceFieldRef")
            case "fileKeyRef":
                causes += _file_key_ref(reference, f"{path}.fileKeyRef")
            case _:
                causes += _key_ref(reference, f"{path}.{field}")
    if not given:
        listed = ", ".join(f"`{field}`" for field in _SOURCES[:-1])
        causes.append(invalid_value(path, "", f"must specify one of: {listed} or `{_SOURCES[-1]}`"))
    elif variable.get("value"):
        causes.append(invalid_value(path, "", "may not be specified when `value` is not empty"))
    elif given > 1:
        causes.append(invalid_value(path, "", "may not have more than one field specified at a time"))
    return causes


def _key_ref(reference: Obj, path: str) -> list[Cause]:
    causes = dns_subdomain(reference.get("name") or "", f"{path}.name")
    return causes + _key(reference, path)


def _key(reference: Obj, path: str) -> list[Cause]:
    key = reference.get("key")
    if not key:
        return [required(f"{path}.key")]
    return all_messages(f"{path}.key", key, names.config_map_key(key))


def _file_key_ref(reference: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    key = reference.get("key")
    if not key:
        causes.append(required(f"{path}.key"))
    else:
        causes += all_messages(f"{path}.key", key, names.env_var_name(key))
    if not reference.get("volumeName"):
        causes.append(required(f"{path}.volumeName"))
    where = reference.get("path")
    if not where:
        causes.append(required(f"{path}.path"))
    else:
        causes += local_non_reserved_path(where, f"{path}.path")
    return causes


def validate_field_ref(reference: Obj, path: str, allowed: frozenset[str]) -> list[Cause]:
    """Check a reference to a field of the pod; `allowed` are the paths that may be shown here."""
    version = reference.get("apiVersion")
    if not version:
        return [required(f"{path}.apiVersion")]
    field = reference.get("fieldPath")
    if not field:
        return [required(f"{path}.fieldPath")]
    if version == "v1" and field in allowed:
        return []
    base, _, subscript = field.partition("['")
    if version != "v1":
        detail = f"error converting fieldPath: unsupported pod version: {version}"
        return [invalid_value(f"{path}.fieldPath", field, detail)]
    if subscript.endswith("']"):
        key = subscript[:-2]
        if base == "metadata.annotations":
            return qualified_name(key.lower(), path)
        if base == "metadata.labels":
            return qualified_name(key, path)
        detail = f'error converting fieldPath: field label does not support subscript: "{field}"'
        return [invalid_value(f"{path}.fieldPath", field, detail)]
    if field not in _CONVERTIBLE:
        detail = f"error converting fieldPath: field label not supported: {field}"
        return [invalid_value(f"{path}.fieldPath", field, detail)]
    return [not_supported(f"{path}.fieldPath", field, sorted(allowed))]


def validate_resource_field_ref(reference: Obj, path: str, *, volume: bool = False) -> list[Cause]:
    """Check a reference to a container's requests or limits."""
    causes: list[Cause] = []
    resource = reference.get("resource") or ""
    if volume and not reference.get("containerName"):
        causes.append(required(f"{path}.containerName"))
    elif not resource:
        causes.append(required(f"{path}.resource"))
    elif resource not in _RESOURCES and not resource.startswith(_HUGEPAGES):
        causes.append(not_supported(f"{path}.resource", resource, _RESOURCES))
    return causes + _divisor(resource, reference.get("divisor"), f"{path}.divisor")


def _divisor(resource: str, divisor: Any, path: str) -> list[Cause]:
    if divisor is None or not Quantity.parse(divisor):
        return []
    text = str(Quantity.parse(divisor))
    if resource in ("limits.cpu", "requests.cpu"):
        if text in _CPU_DIVISORS:
            return []
        detail = "only divisor's values 1m and 1 are supported with the cpu resource"
        return [invalid_value(path, resource, detail)]
    word = ""
    if resource in ("limits.memory", "requests.memory"):
        word = "memory"
    elif resource in ("limits.ephemeral-storage", "requests.ephemeral-storage"):
        word = "local ephemeral storage"
    elif resource.startswith(_HUGEPAGES):
        word = "hugepages"
    if not word or text in _BYTE_DIVISORS:
        return []
    detail = f"only divisor's values {', '.join(_BYTE_DIVISORS)} are supported with the {word} resource"
    return [invalid_value(path, resource, detail)]


def validate_env_from(sources: list[Obj], path: str) -> list[Cause]:
    """Check the whole ConfigMaps and Secrets that become variables."""
    causes: list[Cause] = []
    for index, source in enumerate(sources):
        at = f"{path}[{index}]"
        if prefix := source.get("prefix"):
            causes += all_messages(f"{at}.prefix", prefix, names.env_var_name(prefix))
        given = [field for field in ("configMapRef", "secretRef") if field in source]
        for field in given:
            name = source[field].get("name")
            causes += dns_subdomain(name, f"{at}.{field}.name") if name else [required(f"{at}.{field}.name")]
        if not given:
            causes.append(invalid_value(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            causes.append(invalid_value(path, "", "may not have more than one field specified at a time"))
    return causes
