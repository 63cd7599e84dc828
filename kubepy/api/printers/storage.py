"""Printers of volumes, claims and the group storage.k8s.io."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from kubepy.api import resources as r
from kubepy.api.printers.base import (
    NONE,
    UNSET,
    Printer,
    age_column,
    age_of,
    column,
    doc,
    name_column,
    name_of,
)
from kubepy.machinery import meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj, is_terminating

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def access_modes(modes: Iterable[str] | None) -> str:
    """Write access modes in short, in the order Kubernetes shows them."""
    given = set(modes or ())
    return ",".join(short for mode, short in _MODES.items() if mode in given)


def _storage_class_of(obj: Obj) -> str:
    beta = meta.annotations(obj).get(_BETA_CLASS)
    return beta if beta is not None else (obj.get("spec") or {}).get("storageClassName") or ""


def _phase(obj: Obj) -> str:
    return "Terminating" if is_terminating(obj) else (obj.get("status") or {}).get("phase") or ""


def persistent_volumes() -> Printer:
    """Return the printer of PersistentVolumes."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec = obj.get("spec") or {}
        claim = spec.get("claimRef")
        return [
            name_of(obj),
            (spec.get("capacity") or {}).get("storage") or "0",
            access_modes(spec.get("accessModes")),
            spec.get("persistentVolumeReclaimPolicy") or "",
            _phase(obj),
            f"{claim.get('namespace') or ''}/{claim.get('name') or ''}" if claim else "",
            _storage_class_of(obj),
            spec.get("volumeAttributesClassName") or UNSET,
            (obj.get("status") or {}).get("reason") or "",
            age_of(obj, now),
            spec.get("volumeMode") or UNSET,
        ]

    spec, status = "core.v1.PersistentVolumeSpec", "core.v1.PersistentVolumeStatus"
    return Printer(
        [
            name_column(),
            column("Capacity", doc(spec, "capacity")),
            column("Access Modes", doc(spec, "accessModes")),
            column("Reclaim Policy", doc(spec, "persistentVolumeReclaimPolicy")),
            column("Status", doc(status, "phase")),
            column("Claim", doc(spec, "claimRef")),
            column("StorageClass", "StorageClass of the pv"),
            column("VolumeAttributesClass", "VolumeAttributesClass of the pv"),
            column("Reason", doc(status, "reason")),
            age_column(),
            column("VolumeMode", doc(spec, "volumeMode"), wide=True),
        ],
        row,
    )


def persistent_volume_claims() -> Printer:
    """Return the printer of PersistentVolumeClaims."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        volume = spec.get("volumeName") or ""
        return [
            name_of(obj),
            _phase(obj),
            volume,
            ((status.get("capacity") or {}).get("storage") or "0") if volume else "",
            access_modes(status.get("accessModes")) if volume else "",
            _storage_class_of(obj),
            spec.get("volumeAttributesClassName") or UNSET,
            age_of(obj, now),
            spec.get("volumeMode") or UNSET,
        ]

    spec, status = "core.v1.PersistentVolumeClaimSpec", "core.v1.PersistentVolumeClaimStatus"
    return Printer(
        [
            name_column(),
            column("Status", doc(status, "phase")),
            column("Volume", doc(spec, "volumeName")),
            column("Capacity", doc(status, "capacity")),
            column("Access Modes", doc(status, "accessModes")),
            column("StorageClass", "StorageClass of the pvc"),
            column("VolumeAttributesClass", "VolumeAttributesClass of the pvc"),
            age_column(),
            column("VolumeMode", doc(spec, "volumeMode"), wide=True),
        ],
        row,
    )


def storage_classes() -> Printer:
    """Return the printer of StorageClasses."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        default = any(meta.annotations(obj).get(key) == "true" for key in _DEFAULT_CLASS)
        return [
            f"{name_of(obj)} (default)" if default else name_of(obj),
            obj.get("provisioner") or "",
            obj.get("reclaimPolicy") or "Delete",
            obj.get("volumeBindingMode") or "Immediate",
            "true" if obj.get("allowVolumeExpansion") else "false",
            age_of(obj, now),
        ]

    kind = "storage.v1.StorageClass"
    return Printer(
        [
            name_column(),
            column("Provisioner", doc(kind, "provisioner")),
            column("ReclaimPolicy", doc(kind, "reclaimPolicy")),
            column("VolumeBindingMode", doc(kind, "volumeBindingMode")),
            column("AllowVolumeExpansion", doc(kind, "allowVolumeExpansion")),
            age_column(),
        ],
        row,
    )


def csi_drivers() -> Printer:
    """Return the printer of CSIDrivers."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec = obj.get("spec") or {}
        audiences = [request.get("audience") or "" for request in spec.get("tokenRequests") or ()]
        return [
            name_of(obj),
            bool(spec.get("attachRequired", True)),
            bool(spec.get("podInfoOnMount")),
            bool(spec.get("storageCapacity")),
            ",".join(audiences) or UNSET,
            bool(spec.get("requiresRepublish")),
            ",".join(spec.get("volumeLifecycleModes") or ()) or NONE,
            age_of(obj, now),
        ]

    spec = "storage.v1.CSIDriverSpec"
    return Printer(
        [
            name_column(),
            column("AttachRequired", doc(spec, "attachRequired"), type="boolean"),
            column("PodInfoOnMount", doc(spec, "podInfoOnMount"), type="boolean"),
            column("StorageCapacity", doc(spec, "storageCapacity"), type="boolean"),
            column("TokenRequests", doc(spec, "tokenRequests")),
            column("RequiresRepublish", doc(spec, "requiresRepublish"), type="boolean"),
            column("Modes", doc(spec, "volumeLifecycleModes")),
            age_column(),
        ],
        row,
    )


def csi_nodes() -> Printer:
    """Return the printer of CSINodes."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [name_of(obj), len((obj.get("spec") or {}).get("drivers") or ()), age_of(obj, now)]

    drivers = column(
        "Drivers", "Drivers indicates the number of CSI drivers registered on the node", type="integer"
    )
    return Printer([name_column(), drivers, age_column()], row)


def csi_storage_capacities() -> Printer:
    """Return the printer of CSIStorageCapacities."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [name_of(obj), obj.get("storageClassName") or "", obj.get("capacity") or UNSET]

    kind = "storage.v1.CSIStorageCapacity"
    return Printer(
        [
            name_column(),
            column("StorageClassName", doc(kind, "storageClassName")),
            column("Capacity", doc(kind, "capacity")),
        ],
        row,
    )


def volume_attachments() -> Printer:
    """Return the printer of VolumeAttachments."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec = obj.get("spec") or {}
        return [
            name_of(obj),
            spec.get("attacher") or "",
            (spec.get("source") or {}).get("persistentVolumeName") or "",
            spec.get("nodeName") or "",
            bool((obj.get("status") or {}).get("attached")),
            age_of(obj, now),
        ]

    spec = "storage.v1.VolumeAttachmentSpec"
    return Printer(
        [
            name_column(),
            column("Attacher", doc(spec, "attacher")),
            column("PV", doc("storage.v1.VolumeAttachmentSource", "persistentVolumeName")),
            column("Node", doc(spec, "nodeName")),
            column("Attached", doc("storage.v1.VolumeAttachmentStatus", "attached"), type="boolean"),
            age_column(),
        ],
        row,
    )


def volume_attributes_classes() -> Printer:
    """Return the printer of VolumeAttributesClasses."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [name_of(obj), obj.get("driverName") or "", age_of(obj, now)]

    driver = column("DriverName", doc("storage.v1.VolumeAttributesClass", "driverName"))
    return Printer([name_column(), driver, age_column()], row)


PRINTERS: dict[GVR, Callable[[], Printer]] = {
    r.PERSISTENT_VOLUMES: persistent_volumes,
    r.PERSISTENT_VOLUME_CLAIMS: persistent_volume_claims,
    r.STORAGE_CLASSES: storage_classes,
    r.CSI_DRIVERS: csi_drivers,
    r.CSI_NODES: csi_nodes,
    r.CSI_STORAGE_CAPACITIES: csi_storage_capacities,
    r.VOLUME_ATTACHMENTS: volume_attachments,
    r.VOLUME_ATTRIBUTES_CLASSES: volume_attributes_classes,
}
