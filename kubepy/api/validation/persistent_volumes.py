"""Rules of PersistentVolumes, and of volumes that a VolumeAttachment describes inline."""

from __future__ import annotations

import posixpath

from kubepy.api.validation.claims import VOLUME_MODES, validate_access_modes
from kubepy.api.validation.formats import csi_driver_name, dns_subdomain
from kubepy.api.validation.resource_lists import basic_quantity, positive_quantity
from kubepy.api.validation.rules import Rules, immutable_field, spec_of
from kubepy.api.validation.scheduling_constraints import validate_node_selector
from kubepy.api.validation.struct_diff import diff
from kubepy.api.validation.volume_sources import PATH_NAMES, PERSISTENT, secret_reference
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj, deep_copy

_RECLAIM_POLICIES = ("Delete", "Recycle", "Retain")
_ORDER = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
)
_SECRETS = (
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
)
_INLINE = "may not be specified in the context of inline volumes"
_GA_LABELS = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
_MAX_ISCSI = 64


def validate_volume_spec(spec: Obj, name: str, path: str, *, inline: bool = False) -> list[Cause]:
    """Check a volume's spec; `inline` is that of a VolumeAttachment."""
    causes: list[Cause] = []
    capacity, modes = spec.get("capacity") or {}, spec.get("accessModes") or []
    if inline:
        causes += [
            forbidden_field(f"{path}.{field}", _INLINE)
            for field in ("claimRef", "capacity")
            if spec.get(field)
        ]
        if "csi" not in spec:
            detail = "has to be specified in the context of inline volumes"
            causes.append(required(f"{path}.csi", detail))
    if not modes:
        causes.append(required(f"{path}.accessModes"))
    causes += validate_access_modes(modes, f"{path}.accessModes")
    if not inline:
        if not capacity:
            causes.append(required(f"{path}.capacity"))
        if set(capacity) != {"storage"}:
            causes.append(not_supported(f"{path}.capacity", capacity, ("storage",)))
        for resource, value in capacity.items():
            at = f"{path}.capacity[{resource}]"
            causes += basic_quantity(value, at) + positive_quantity(value, at)
    causes += _reclaim_policy(spec, path, inline)
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        at = f"{path}.nodeAffinity"
        if inline:
            causes.append(forbidden_field(at, _INLINE))
        elif "required" in affinity:
            causes += validate_node_selector(affinity["required"], f"{at}.required")
        else:
            causes.append(required(f"{at}.required", "must specify required node constraints"))
    causes += _sources(spec, name, path)
    return causes + _rest(spec, path, inline)


def _reclaim_policy(spec: Obj, path: str, inline: bool) -> list[Cause]:
    policy = spec.get("persistentVolumeReclaimPolicy")
    at = f"{path}.persistentVolumeReclaimPolicy"
    if inline and policy not in (None, "Retain"):
        return [forbidden_field(at, "may only be Retain in the context of inline volumes")]
    if policy and not inline and policy not in _RECLAIM_POLICIES:
        return [not_supported(at, policy, _RECLAIM_POLICIES)]
    return []


def _sources(spec: Obj, name: str, path: str) -> list[Cause]:
    given = [field for field in _ORDER if field in spec]
    if not given:
        return [required(path, "must specify a volume type")]
    causes = [
        forbidden_field(
            f"{path}.{'cephFS' if extra == 'cephfs' else extra}", "may not specify more than 1 volume type"
        )
        for extra in given[1:]
    ]
    kind, source = given[0], spec[given[0]]
    at = f"{path}.{PATH_NAMES.get(kind, kind)}"
    if kind == "csi":
        causes += _csi(source, at)
    else:
        causes += PERSISTENT[kind](source, at)
    if kind == "iscsi" and "initiatorName" in source:
        portal = source.get("targetPortal") or ""
        if len(f"{name}:{portal}") > _MAX_ISCSI:
            detail = (
                "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
                "iscsi.initiatorName is specified."
            )
            causes.append(invalid_value(f"{at}.targetportal", portal, detail))
    if kind == "local" and "nodeAffinity" not in spec:
        causes.append(required(f"{path}.nodeAffinity", "Local volume requires node affinity"))
    return causes


def _csi(source: Obj, path: str) -> list[Cause]:
    causes = csi_driver_name(source.get("driver") or "", f"{path}.driver")
    if not source.get("volumeHandle"):
        causes.append(required(f"{path}.volumeHandle"))
    for field in _SECRETS:
        causes += secret_reference(source.get(field), f"{path}.{field}")
    return causes


def _rest(spec: Obj, path: str, inline: bool) -> list[Cause]:
    causes: list[Cause] = []
    where = (spec.get("hostPath") or {}).get("path")
    recycled = spec.get("persistentVolumeReclaimPolicy") == "Recycle"
    if where and recycled and posixpath.normpath(where) in ("/", "//"):
        at = f"{path}.persistentVolumeReclaimPolicy"
        causes.append(forbidden_field(at, "may not be 'recycle' for a hostPath mount of '/'"))
    if name := spec.get("storageClassName"):
        at = f"{path}.storageClassName"
        causes += [forbidden_field(at, _INLINE)] if inline else dns_subdomain(name, at)
    mode = spec.get("volumeMode")
    if mode is not None:
        at = f"{path}.volumeMode"
        if inline and mode != "Filesystem":
            detail = "may not specify volumeMode other than Filesystem in the context of inline volumes"
            causes.append(forbidden_field(at, detail))
        elif not inline and mode not in VOLUME_MODES:
            causes.append(not_supported(at, mode, VOLUME_MODES))
    attributes = spec.get("volumeAttributesClassName")
    if attributes is not None:
        at = f"{path}.volumeAttributesClassName"
        if attributes:
            causes += dns_subdomain(attributes, at)
        else:
            causes.append(required(at, "an empty string is disallowed"))
        if "csi" not in spec:
            detail = "has to be specified when using volumeAttributesClassName"
            causes.append(required(f"{path}.csi", detail))
    return causes


def _create(volume: Obj) -> list[Cause]:
    return validate_volume_spec(spec_of(volume), volume["metadata"].get("name") or "", "spec")


def _update(volume: Obj, old: Obj) -> list[Cause]:
    causes = _create(volume)
    spec, before = spec_of(volume), spec_of(old)
    new_source = deep_copy({field: spec[field] for field in _ORDER if field in spec})
    old_source = {field: before[field] for field in _ORDER if field in before}
    if "csi" in new_source and "csi" in old_source and "controllerExpandSecretRef" not in old_source["csi"]:
        # A driver may learn later with which Secret it expands.
        new_source["csi"].pop("controllerExpandSecretRef", None)
    if new_source != old_source:
        changed = diff("core.PersistentVolumeSource", old_source, new_source)
        detail = f"spec.persistentvolumesource is immutable after creation\n{changed}"
        causes.append(forbidden_field("spec.persistentvolumesource", detail))
    causes += immutable_field("volumeMode", spec.get("volumeMode"), before.get("volumeMode"))
    if "nodeAffinity" in before:
        affinity = spec.get("nodeAffinity")
        if not _same_affinity(affinity, before["nodeAffinity"]):
            detail = "field is immutable, except for updating from beta label to GA"
            causes.append(invalid_value("nodeAffinity", affinity, detail))
    if before.get("volumeAttributesClassName") is not None and "volumeAttributesClassName" not in spec:
        detail = "update from non-nil value to nil is forbidden"
        causes.append(forbidden_field("spec.volumeAttributesClassName", detail))
    return causes


def _same_affinity(new: Obj | None, old: Obj) -> bool:
    if new == old or new is None:
        return new == old
    modern = deep_copy(old)
    new_terms = (new.get("required") or {}).get("nodeSelectorTerms") or []
    for term, new_term in zip(
        (modern.get("required") or {}).get("nodeSelectorTerms") or [], new_terms, strict=False
    ):
        pairs = zip(term.get("matchExpressions") or (), new_term.get("matchExpressions") or (), strict=False)
        for expression, wanted in pairs:
            if _GA_LABELS.get(expression.get("key") or "") == wanted.get("key"):
                expression["key"] = wanted["key"]
    return modern == new


def _no_rules(volume: Obj, old: Obj) -> list[Cause]:
    return []


def _warnings(volume: Obj) -> list[str]:
    spec = spec_of(volume)
    found: list[str] = []
    if "volume.beta.kubernetes.io/storage-class" in (volume["metadata"].get("annotations") or ()):
        found.append(
            "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "
            '"storageClassName" attribute instead'
        )
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        found.append(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, "
            "the recommended approach is to use dynamic provisioning."
        )
    for field, since in _DEPRECATED.items():
        if field in spec:
            found.append(f"spec.{field}: {since}")
    return found


_DEPRECATED = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
}

RULES: dict[GK, Rules] = {
    GK("", "PersistentVolume"): Rules(
        create=_create, update=_update, warnings=_warnings, subresources={"status": _no_rules}
    ),
}
