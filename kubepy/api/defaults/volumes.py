"""Defaults of volumes: the source that no source means, file modes, token lifetimes."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api.defaults.images import pull_policy
from kubepy.machinery.meta import Obj

_MODE = 0o644


def default_volume(volume: Obj) -> None:
    """SetDefaults_Volume with the source below it."""
    if len(volume) <= 1 and not (volume.keys() - {"name"}):
        volume["emptyDir"] = {}
        return
    default_volume_source(volume)


def default_volume_source(source: Obj) -> None:
    """Default whichever source is there (of a pod's volume or of a PersistentVolume's spec)."""
    for name in source:
        default = _SOURCES.get(name)
        if default is not None:
            default(source[name])


def default_claim_spec(spec: Obj) -> None:
    """SetDefaults_PersistentVolumeClaimSpec."""
    spec.setdefault("volumeMode", "Filesystem")
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    # The older field and the newer one mirror each other where the older can say the same.
    if source is not None and reference is None:
        spec["dataSourceRef"] = dict(source)
    elif reference is not None and source is None and not reference.get("namespace"):
        spec["dataSource"] = dict(reference)


def _mode(source: Obj) -> None:
    source.setdefault("defaultMode", _MODE)


def _downward_items(source: Obj) -> None:
    for item in source.get("items") or ():
        if "fieldRef" in item:
            item["fieldRef"].setdefault("apiVersion", "v1")


def _downward_api(source: Obj) -> None:
    _mode(source)
    _downward_items(source)


def _projected(source: Obj) -> None:
    _mode(source)
    for part in source.get("sources") or ():
        if "serviceAccountToken" in part:
            part["serviceAccountToken"].setdefault("expirationSeconds", 3600)
        if "downwardAPI" in part:
            _downward_items(part["downwardAPI"])


def _fixed(**values: object) -> Callable[[Obj], None]:
    def default(source: Obj) -> None:
        for name, value in values.items():
            source.setdefault(name, value)

    return default


def _ephemeral(source: Obj) -> None:
    template = source.get("volumeClaimTemplate")
    if template is not None:
        default_claim_spec(template.setdefault("spec", {}))


def _image(source: Obj) -> None:
    if not source.get("pullPolicy"):
        source["pullPolicy"] = pull_policy(source.get("reference") or "")


_SOURCES: dict[str, Callable[[Obj], None]] = {
    "secret": _mode,
    "configMap": _mode,
    "downwardAPI": _downward_api,
    "projected": _projected,
    "ephemeral": _ephemeral,
    "image": _image,
    "hostPath": _fixed(type=""),
    "iscsi": _fixed(iscsiInterface="default"),
    "rbd": _fixed(pool="rbd", user="admin", keyring="/etc/ceph/keyring"),
    "azureDisk": _fixed(cachingMode="ReadWrite", kind="Shared", fsType="ext4", readOnly=False),
    "scaleIO": _fixed(storageMode="ThinProvisioned", fsType="xfs"),
}
