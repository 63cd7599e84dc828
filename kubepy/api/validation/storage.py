"""Rules of volumes, claims and storage classes."""

from __future__ import annotations

from kubepy.api.validation.resource_lists import amount
from kubepy.api.validation.rules import Rules, all_messages, immutable_field, one_of, optional_one_of, spec_of
from kubepy.api.validation.scheduling_constraints import validate_node_selector
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import ZERO, Quantity

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_SOURCES = frozenset(
    (
        "awsElasticBlockStore",
        "azureDisk",
        "azureFile",
        "cephfs",
        "cinder",
        "csi",
        "fc",
        "flexVolume",
        "flocker",
        "gcePersistentDisk",
        "glusterfs",
        "hostPath",
        "iscsi",
        "local",
        "nfs",
        "photonPersistentDisk",
        "portworxVolume",
        "quobyte",
        "rbd",
        "scaleIO",
        "storageos",
        "vsphereVolume",
    )
)


def _modes(spec: Obj) -> list[Cause]:
    modes = spec.get("accessModes") or []
    if not modes:
        return [required("spec.accessModes", "at least 1 access mode is required")]
    unknown = [mode for mode in modes if mode not in ACCESS_MODES]
    causes = [not_supported("spec.accessModes", mode, ACCESS_MODES) for mode in unknown]
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        detail = "may not use ReadWriteOncePod with other access modes"
        causes.append(forbidden_field("spec.accessModes", detail))
    return causes


def _persistent_volume(volume: Obj) -> list[Cause]:
    spec = spec_of(volume)
    causes = _modes(spec)
    capacity = spec.get("capacity") or {}
    if not capacity:
        causes.append(required("spec.capacity"))
    elif set(capacity) != {"storage"}:
        causes.append(not_supported("spec.capacity", sorted(capacity), ("storage",)))
    for name, value in capacity.items():
        causes += amount(value, f"spec.capacity[{name}]")
        if Quantity.parse(value) == ZERO:
            causes.append(invalid_value(f"spec.capacity[{name}]", value, "must be greater than zero"))
    causes += optional_one_of(
        "spec.persistentVolumeReclaimPolicy",
        spec.get("persistentVolumeReclaimPolicy"),
        ("Delete", "Recycle", "Retain"),
    )
    sources = [field for field in spec if field in _SOURCES]
    if not sources:
        causes.append(required("spec", "must specify a volume type"))
    causes += [
        forbidden_field(f"spec.{extra}", "may not specify more than 1 volume type") for extra in sources[1:]
    ]
    if "hostPath" in spec and ".." in (spec["hostPath"].get("path") or "").split("/"):
        causes.append(invalid_value("spec.hostPath.path", spec["hostPath"]["path"], "must not contain '..'"))
    affinity = (spec.get("nodeAffinity") or {}).get("required")
    if affinity is not None:
        causes += validate_node_selector(affinity, "spec.nodeAffinity.required")
    elif "local" in spec:
        causes.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    if "nfs" in spec:
        causes += [
            required(f"spec.nfs.{field}") for field in ("server", "path") if not spec["nfs"].get(field)
        ]
    if name := spec.get("storageClassName"):
        causes += all_messages("spec.storageClassName", name, names.dns_subdomain(name))
    return causes + optional_one_of("spec.volumeMode", spec.get("volumeMode"), ("Block", "Filesystem"))


def _persistent_volume_update(volume: Obj, old: Obj) -> list[Cause]:
    causes = _persistent_volume(volume)
    spec, before = spec_of(volume), spec_of(old)
    for source in sorted(_SOURCES & {*spec, *before}):
        if spec.get(source) != before.get(source):
            detail = "spec.persistentvolumesource is immutable after creation"
            causes.append(forbidden_field("spec.persistentvolumesource", detail))
            break
    causes += immutable_field("spec.volumeMode", spec.get("volumeMode"), before.get("volumeMode"))
    if before.get("nodeAffinity"):
        causes += immutable_field("spec.nodeAffinity", spec.get("nodeAffinity"), before["nodeAffinity"])
    return causes


def _claim(claim: Obj) -> list[Cause]:
    spec = spec_of(claim)
    causes = _modes(spec)
    if selector := spec.get("selector"):
        causes += validate_label_selector(selector, "spec.selector")
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        causes.append(required("spec.resources[storage]"))
    elif Quantity.parse(storage) <= ZERO:
        at = "spec.resources[storage]"
        causes.append(invalid_value(at, storage, "must be greater than zero"))
    if name := spec.get("storageClassName"):
        causes += all_messages("spec.storageClassName", name, names.dns_subdomain(name))
    return causes + optional_one_of("spec.volumeMode", spec.get("volumeMode"), ("Block", "Filesystem"))


_MUTABLE_CLAIM = "resources.requests and volumeAttributesClassName for bound claims"
_IMMUTABLE_CLAIM = f"spec is immutable after creation except {_MUTABLE_CLAIM}"


def _claim_update(claim: Obj, old: Obj) -> list[Cause]:
    causes = _claim(claim)
    spec, before = dict(spec_of(claim)), dict(spec_of(old))
    bound = (old.get("status") or {}).get("phase") == "Bound"
    new_size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    old_size = ((before.get("resources") or {}).get("requests") or {}).get("storage")
    if not before.get("volumeName"):
        # The binder may name the volume once.
        spec.pop("volumeName", None)
        before.pop("volumeName", None)
    if not before.get("storageClassName"):
        # A default class may still be assigned.
        spec.pop("storageClassName", None)
        before.pop("storageClassName", None)
    if bound:
        for field in ("resources", "volumeAttributesClassName"):
            spec.pop(field, None)
            before.pop(field, None)
        if new_size and old_size and Quantity.parse(new_size) < Quantity.parse(old_size):
            detail = "field can not be less than status.capacity"
            causes.append(forbidden_field("spec.resources.requests.storage", detail))
    if spec != before:
        causes.append(forbidden_field("spec", _IMMUTABLE_CLAIM))
    return causes


def _storage_class(storage_class: Obj) -> list[Cause]:
    causes: list[Cause] = []
    provisioner = storage_class.get("provisioner") or ""
    if not provisioner:
        causes.append(required("provisioner"))
    else:
        causes += all_messages("provisioner", provisioner, names.qualified_name(provisioner.lower()))
    causes += one_of("reclaimPolicy", storage_class.get("reclaimPolicy"), ("Delete", "Retain"))
    mode = storage_class.get("volumeBindingMode")
    return causes + one_of("volumeBindingMode", mode, ("Immediate", "WaitForFirstConsumer"))


def _storage_class_update(storage_class: Obj, old: Obj) -> list[Cause]:
    causes = _storage_class(storage_class)
    for field in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        if (storage_class.get(field) or None) != (old.get(field) or None):
            detail = f"updates to {field} are forbidden."
            causes.append(forbidden_field(field, detail))
    return causes


RULES: dict[GK, Rules] = {
    GK("", "PersistentVolume"): Rules(create=_persistent_volume, update=_persistent_volume_update),
    GK("", "PersistentVolumeClaim"): Rules(create=_claim, update=_claim_update),
    GK("storage.k8s.io", "StorageClass"): Rules(create=_storage_class, update=_storage_class_update),
}
