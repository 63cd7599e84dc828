"""Volumes of a pod or a pod template."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubepy.kubectl.describers.writing import Writer, bool_text
from kubepy.machinery.meta import Obj

Line = tuple[str, str]


def describe(out: Writer, volumes: Sequence[Obj], *, level: int) -> None:
    """`Volumes:` and each of them with what it is made of."""
    indent = "  " if level else ""
    if not volumes:
        out.raw(f"{indent}Volumes:\t<none>\n")
        return
    out.raw(f"{indent}Volumes:\n")
    for volume in volumes:
        out.raw(f"{indent}{' ' if level else '  '}{volume['name']}:\n")
        for name, value in _lines(volume):
            out.raw(f"    {name}{value}\n")


def _lines(volume: Obj) -> list[Line]:
    for source, function in _SOURCES.items():
        if source in volume:
            return function(volume[source] or {})
    return [("", "<unknown>")]


def _type(text: str) -> Line:
    return ("Type:", f"\t{text}")


def _empty_dir(source: Obj) -> list[Line]:
    limit = source.get("sizeLimit")
    return [
        _type("EmptyDir (a temporary directory that shares a pod's lifetime)"),
        ("Medium:", f"\t{source.get('medium') or ''}"),
        ("SizeLimit:", f"\t{limit if limit not in (None, '0') else '<unset>'}"),
    ]


def _host_path(source: Obj) -> list[Line]:
    return [
        _type("HostPath (bare host directory volume)"),
        ("Path:", f"\t{source.get('path')}"),
        ("HostPathType:", f"\t{source.get('type') or ''}"),
    ]


def _config_map(source: Obj) -> list[Line]:
    return [
        _type("ConfigMap (a volume populated by a ConfigMap)"),
        ("Name:", f"\t{source.get('name')}"),
        ("Optional:", f"\t{bool_text(source.get('optional'))}"),
    ]


def _secret(source: Obj) -> list[Line]:
    return [
        _type("Secret (a volume populated by a Secret)"),
        ("SecretName:", f"\t{source.get('secretName')}"),
        ("Optional:", f"\t{bool_text(source.get('optional'))}"),
    ]


def _claim(source: Obj) -> list[Line]:
    return [
        _type("PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"),
        ("ClaimName:", f"\t{source.get('claimName')}"),
        ("ReadOnly:", f"\t{bool_text(source.get('readOnly'))}"),
    ]


def _nfs(source: Obj) -> list[Line]:
    return [
        _type("NFS (an NFS mount that lasts the lifetime of a pod)"),
        ("Server:", f"\t{source.get('server')}"),
        ("Path:", f"\t{source.get('path')}"),
        ("ReadOnly:", f"\t{bool_text(source.get('readOnly'))}"),
    ]


def _downward(source: Obj) -> list[Line]:
    lines = [
        _type("DownwardAPI (a volume populated by information about the pod)"),
        ("Items:", ""),
    ]
    for item in source.get("items") or []:
        reference: Obj = item.get("fieldRef") or item.get("resourceFieldRef") or {}
        lines.append(("  ", f"{reference.get('fieldPath') or reference.get('resource')} -> {item['path']}"))
    return lines


def _projected(source: Obj) -> list[Line]:
    lines = [_type("Projected (a volume that contains injected data from multiple sources)")]
    for part in source.get("sources") or []:
        if "secret" in part:
            lines.append(("SecretName:", f"\t{part['secret'].get('name')}"))
            lines.append(("SecretOptionalName:", f"\t{_pointer(part['secret'].get('optional'))}"))
        elif "downwardAPI" in part:
            lines.append(("DownwardAPI:", "\ttrue"))
        elif "configMap" in part:
            lines.append(("ConfigMapName:", f"\t{part['configMap'].get('name')}"))
            lines.append(("ConfigMapOptional:", f"\t{_pointer(part['configMap'].get('optional'))}"))
        elif "serviceAccountToken" in part:
            seconds = part["serviceAccountToken"].get("expirationSeconds", 3600)
            lines.append(("TokenExpirationSeconds:", f"\t{seconds}"))
        elif "clusterTrustBundle" in part:
            bundle: Obj = part["clusterTrustBundle"]
            lines.append(("ClusterTrustBundle:", f"\t{bundle.get('name') or bundle.get('signerName')}"))
    return lines


def _pointer(value: bool | None) -> str:
    return "<nil>" if value is None else bool_text(value)


def _csi(source: Obj) -> list[Line]:
    return [
        _type("CSI (a Container Storage Interface (CSI) volume source)"),
        ("Driver:", f"\t{source.get('driver')}"),
        ("FSType:", f"\t{source.get('fsType') or ''}"),
        ("ReadOnly:", f"\t{bool_text(source.get('readOnly'))}"),
    ]


_SOURCES: dict[str, Callable[[Obj], list[Line]]] = {
    "hostPath": _host_path,
    "emptyDir": _empty_dir,
    "secret": _secret,
    "configMap": _config_map,
    "nfs": _nfs,
    "persistentVolumeClaim": _claim,
    "downwardAPI": _downward,
    "csi": _csi,
    "projected": _projected,
}
