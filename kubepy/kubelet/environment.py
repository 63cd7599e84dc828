"""A container's environment, resolved. Pure: config maps and secrets are fetched before."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kubepy.kubelet.errors import ContainerConfigError
from kubepy.kubelet.field_refs import FieldContext, field_value, resource_value
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_ENV_NAME = re.compile(r"[^=]+")


@dataclass(frozen=True)
class Reference:
    """A config map ("ConfigMap") or secret ("Secret") of the pod's namespace that a container needs."""

    kind: str
    name: str
    optional: bool


@dataclass
class Sources:
    """What references were found to hold (None: it does not exist), and the services of the namespace."""

    config_maps: Mapping[str, Obj | None] = field(default_factory=dict)
    secrets: Mapping[str, Obj | None] = field(default_factory=dict)
    services: Sequence[Obj] = ()


def references(container: Obj) -> list[Reference]:
    """Everything that `container`'s environment refers to."""
    found = []
    for source in container.get("envFrom") or ():
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if ref := source.get(key):
                found.append(Reference(kind, ref.get("name") or "", bool(ref.get("optional"))))
    for variable in container.get("env") or ():
        origin = variable.get("valueFrom") or {}
        for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if ref := origin.get(key):
                found.append(Reference(kind, ref.get("name") or "", bool(ref.get("optional"))))
    return found


def make_environment(pod: Obj, container: Obj, sources: Sources, context: FieldContext) -> dict[str, str]:
    """The variables, in order: envFrom, env (each may use those before it), then services.

    Raises ContainerConfigError in the kubelet's words when something that is not optional is missing.
    """
    service_variables = service_environment(
        sources.services, meta.namespace(pod), (pod.get("spec") or {}).get("enableServiceLinks", True)
    )
    result: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        result |= _from_source(pod, source, sources)
    resolved: dict[str, str] = dict(result)
    for variable in container.get("env") or ():
        name = variable["name"]
        value: str | None
        if "valueFrom" in variable and variable["valueFrom"] is not None:
            value = _from_reference(pod, container, variable["valueFrom"], sources, context)
        else:
            value = expand(variable.get("value") or "", service_variables | resolved)
        if value is not None:
            resolved[name] = result[name] = value
    return result | {name: value for name, value in service_variables.items() if name not in result}


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace $(NAME) by its value; unknown names stay, and $$ is a $ (so $$(NAME) is not replaced)."""

    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return values.get(match[1], match[0])

    return _REFERENCE.sub(replacement, text)


def expand_all(texts: Iterable[str] | None, values: Mapping[str, str]) -> list[str]:
    return [expand(text, values) for text in texts or ()]


def config_map_data(config_map: Obj) -> dict[str, bytes]:
    """Keys and contents, text and binary."""
    data = {key: value.encode() for key, value in (config_map.get("data") or {}).items()}
    binary = config_map.get("binaryData") or {}
    return data | {key: base64.b64decode(value) for key, value in binary.items()}


def secret_data(secret: Obj) -> dict[str, bytes]:
    return {key: base64.b64decode(value or "") for key, value in (secret.get("data") or {}).items()}


def not_found(kind: str, name: str) -> ContainerConfigError:
    return ContainerConfigError(f'{kind.lower()} "{name}" not found')


def _from_source(pod: Obj, source: Obj, sources: Sources) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    config_map, secret = source.get("configMapRef"), source.get("secretRef")
    if config_map is not None:
        data = _data("ConfigMap", config_map, sources)
    elif secret is not None:
        data = _data("Secret", secret, sources)
    else:
        data = None
    return {
        prefix + key: value.decode("utf-8", "surrogateescape")
        for key, value in (data or {}).items()
        if _ENV_NAME.fullmatch(prefix + key)
    }


def _from_reference(
    pod: Obj, container: Obj, origin: Obj, sources: Sources, context: FieldContext
) -> str | None:
    if ref := origin.get("fieldRef"):
        return field_value(pod, ref.get("fieldPath") or "", context)
    if ref := origin.get("resourceFieldRef"):
        return resource_value(pod, ref, context, container)
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if ref := origin.get(key):
            data = _data(kind, ref, sources)
            value = (data or {}).get(ref.get("key") or "")
            if value is not None:
                return value.decode("utf-8", "surrogateescape")
            if ref.get("optional"):
                return None
            raise ContainerConfigError(
                f"couldn't find key {ref.get('key')} in {kind} {meta.namespace(pod)}/{ref.get('name')}"
            )
    return None


def _data(kind: str, ref: Obj, sources: Sources) -> dict[str, bytes] | None:
    name = ref.get("name") or ""
    found = (sources.config_maps if kind == "ConfigMap" else sources.secrets).get(name)
    if found is None:
        if ref.get("optional"):
            return None
        raise not_found(kind, name)
    return config_map_data(found) if kind == "ConfigMap" else secret_data(found)


def service_environment(services: Iterable[Obj], namespace: str, links: bool) -> dict[str, str]:
    """Variables of the services a pod in `namespace` sees; without `links` only the API server's."""
    chosen: dict[str, Obj] = {}
    for service in services:
        address = (service.get("spec") or {}).get("clusterIP")
        if not address or address == "None":
            continue
        own, name = meta.namespace(service) == namespace, meta.name(service)
        if meta.namespace(service) == "default" and name == "kubernetes":
            chosen.setdefault(name, service)
        if own and (links or (name == "kubernetes" and namespace == "default")):
            chosen[name] = service
    result: dict[str, str] = {}
    for name in sorted(chosen):
        result |= _service_variables(chosen[name])
    return result


def _service_variables(service: Obj) -> dict[str, str]:
    spec, prefix = service["spec"], meta.name(service).upper().replace("-", "_")
    address, ports = spec["clusterIP"], spec.get("ports") or []
    if not ports:
        return {}
    variables = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            suffix = port["name"].upper().replace("-", "_")
            variables[f"{prefix}_SERVICE_PORT_{suffix}"] = str(port["port"])
    host = f"[{address}]" if ":" in address else address
    for index, port in enumerate(ports):
        protocol, number = port.get("protocol") or "TCP", port["port"]
        url = f"{protocol.lower()}://{host}:{number}"
        if index == 0:
            variables[f"{prefix}_PORT"] = url
        stem = f"{prefix}_PORT_{number}_{protocol}"
        variables |= {
            stem: url,
            f"{stem}_PROTO": protocol.lower(),
            f"{stem}_PORT": str(number),
            f"{stem}_ADDR": address,
        }
    return variables
