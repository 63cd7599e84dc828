"""The files of config map, secret, downward API and projected volumes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kubepy.kubelet.environment import config_map_data, secret_data
from kubepy.kubelet.errors import MountError
from kubepy.kubelet.field_refs import FieldContext, field_value, resource_value
from kubepy.kubelet.volumes.atomic_writer import File
from kubepy.machinery.meta import Obj

DEFAULT_MODE = 0o644


@dataclass
class VolumeSources:
    """What a volume's references were found to hold: by name, None for what does not exist.

    Tokens are by (audience, expirationSeconds).
    """

    config_maps: Mapping[str, Obj | None] = field(default_factory=dict)
    secrets: Mapping[str, Obj | None] = field(default_factory=dict)
    tokens: Mapping[tuple[str, int], str] = field(default_factory=dict)


def token_requests(volume: Obj) -> list[tuple[str, int]]:
    """(audience, expirationSeconds) of the tokens that a projected volume wants."""
    return [
        (source["serviceAccountToken"].get("audience") or "", _expiration(source["serviceAccountToken"]))
        for source in (volume.get("projected") or {}).get("sources") or ()
        if source.get("serviceAccountToken")
    ]


def volume_references(volume: Obj) -> list[tuple[str, str, bool]]:
    """(kind, name, optional) of the config maps and secrets of a volume."""
    found = []
    if source := volume.get("configMap"):
        found.append(("ConfigMap", source.get("name") or "", bool(source.get("optional"))))
    if source := volume.get("secret"):
        found.append(("Secret", source.get("secretName") or "", bool(source.get("optional"))))
    for part in (volume.get("projected") or {}).get("sources") or ():
        for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if source := part.get(key):
                found.append((kind, source.get("name") or "", bool(source.get("optional"))))
    return found


def volume_payload(
    pod: Obj, volume: Obj, sources: VolumeSources, context: FieldContext
) -> dict[str, File] | None:
    """The files of a volume, None for a volume of another kind. Raises MountError in the kubelet's words."""
    if (source := volume.get("configMap")) is not None:
        return _config_map(pod, source, source.get("name") or "", sources, _mode(source))
    if (source := volume.get("secret")) is not None:
        return _secret(pod, source, source.get("secretName") or "", sources, _mode(source))
    if (source := volume.get("downwardAPI")) is not None:
        return _downward(pod, source, _mode(source), context)
    if (source := volume.get("projected")) is not None:
        return _projected(pod, source, sources, context)
    return None


def _projected(pod: Obj, source: Obj, sources: VolumeSources, context: FieldContext) -> dict[str, File]:
    mode, files = _mode(source), dict[str, File]()
    for part in source.get("sources") or ():
        if (inner := part.get("configMap")) is not None:
            files |= _config_map(pod, inner, inner.get("name") or "", sources, mode)
        elif (inner := part.get("secret")) is not None:
            files |= _secret(pod, inner, inner.get("name") or "", sources, mode)
        elif (inner := part.get("downwardAPI")) is not None:
            files |= _downward(pod, inner, mode, context)
        elif (inner := part.get("serviceAccountToken")) is not None:
            token = sources.tokens[(inner.get("audience") or "", _expiration(inner))]
            files[inner.get("path") or "token"] = _token_file(pod, token, mode)
    return files


def _token_file(pod: Obj, token: str, mode: int) -> File:
    """A token is for its containers' user only, where they all agree on one."""
    spec = pod.get("spec") or {}
    user = common_user(pod)
    if user is not None:
        return File(token.encode(), 0o600, user)
    if (spec.get("securityContext") or {}).get("fsGroup") is not None:
        return File(token.encode(), 0o600)
    return File(token.encode(), mode)


def common_user(pod: Obj) -> int | None:
    """The user that all containers run as, when the spec says so."""
    spec = pod.get("spec") or {}
    default = (spec.get("securityContext") or {}).get("runAsUser")
    users = {
        (container.get("securityContext") or {}).get("runAsUser", default)
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    }
    return users.pop() if len(users) == 1 else None


def _config_map(pod: Obj, source: Obj, name: str, sources: VolumeSources, mode: int) -> dict[str, File]:
    found = sources.config_maps.get(name)
    return _keyed(
        pod, source, "configmap", "references non-existent config key", name, found, config_map_data, mode
    )


def _secret(pod: Obj, source: Obj, name: str, sources: VolumeSources, mode: int) -> dict[str, File]:
    found = sources.secrets.get(name)
    return _keyed(pod, source, "secret", "references non-existent secret key", name, found, secret_data, mode)


def _keyed(
    pod: Obj,
    source: Obj,
    what: str,
    missing_key: str,
    name: str,
    found: Obj | None,
    read: Callable[[Obj], dict[str, bytes]],
    mode: int,
) -> dict[str, File]:
    optional = bool(source.get("optional"))
    if found is None:
        if optional:
            return {}
        raise MountError(f'{what} "{name}" not found')
    data = read(found)
    items = source.get("items")
    if not items:
        return {key: File(value, mode) for key, value in data.items()}
    files = {}
    for item in items:
        value = data.get(item["key"])
        if value is None:
            if optional:
                continue
            raise MountError(f"{missing_key}: {item['key']}")
        own = item.get("mode")
        files[item["path"]] = File(value, mode if own is None else own)
    return files


def _downward(pod: Obj, source: Obj, mode: int, context: FieldContext) -> dict[str, File]:
    files = {}
    for item in source.get("items") or ():
        if ref := item.get("fieldRef"):
            text = field_value(pod, ref.get("fieldPath") or "", context)
        else:
            text = resource_value(pod, item.get("resourceFieldRef") or {}, context)
        own = item.get("mode")
        files[item["path"]] = File(text.encode(), mode if own is None else own)
    return files


def _mode(source: Obj) -> int:
    mode = source.get("defaultMode")
    return DEFAULT_MODE if mode is None else int(mode)


def _expiration(source: Obj) -> int:
    return int(source.get("expirationSeconds") or 3600)
