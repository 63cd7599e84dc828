"""Rules of PersistentVolumeClaims, and of the templates of claims in pods and StatefulSets."""

from __future__ import annotations

from typing import Any

from kubepy.api.validation.formats import dns_label, dns_subdomain, qualified_name
from kubepy.api.validation.objectmeta import validate_annotations, validate_labels
from kubepy.api.validation.resource_lists import (
    basic_quantity,
    is_native,
    positive_quantity,
    quantity_value,
)
from kubepy.api.validation.rules import Rules, immutable_field, spec_of
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.api.validation.struct_diff import diff
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj, deep_copy
from kubepy.machinery.quantity import ZERO, Quantity

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_RESIZE_STATUSES = (
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
)
_TEMPLATE_METADATA = ("annotations", "labels")


def validate_access_modes(modes: list[str], path: str) -> list[Cause]:
    """Check how a volume may be mounted."""
    causes = [not_supported(path, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES]
    if "ReadWriteOncePod" in modes and any(m in ACCESS_MODES and m != "ReadWriteOncePod" for m in modes):
        detail = "may not use ReadWriteOncePod with other access modes"
        causes.append(forbidden_field(path, detail))
    return causes


def validate_claim_spec(spec: Obj, path: str) -> list[Cause]:
    """Check what a claim asks for."""
    causes: list[Cause] = []
    modes = spec.get("accessModes") or []
    if not modes:
        causes.append(required(f"{path}.accessModes", "at least 1 access mode is required"))
    if selector := spec.get("selector"):
        causes += validate_label_selector(selector, f"{path}.selector")
    causes += validate_access_modes(modes, f"{path}.accessModes")
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    at = f"{path}.resources[storage]"
    if storage is None:
        causes.append(required(at))
    else:
        causes += positive_quantity(storage, at) or quantity_value("storage", storage, at)
    if name := spec.get("storageClassName"):
        causes += dns_subdomain(name, f"{path}.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        causes.append(not_supported(f"{path}.volumeMode", mode, VOLUME_MODES))
    causes += _data_sources(spec, path)
    if name := spec.get("volumeAttributesClassName"):
        causes += dns_subdomain(name, f"{path}.volumeAttributesClassName")
    return causes


def _data_sources(spec: Obj, path: str) -> list[Cause]:
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    causes: list[Cause] = []
    if source is not None:
        causes += _data_source(source, f"{path}.dataSource")
    if reference is not None:
        causes += _data_source(reference, f"{path}.dataSourceRef")
        if namespace := reference.get("namespace"):
            causes += dns_label(namespace, f"{path}.dataSourceRef.namespace")
    if source is None or reference is None:
        return causes
    shown = f"{path}.dataSource"
    if reference.get("namespace"):
        detail = "may not be specified when dataSourceRef.namespace is specified"
        causes.append(invalid_value(path, shown, detail))
    elif any(source.get(f) != reference.get(f) for f in ("apiGroup", "kind", "name")):
        causes.append(invalid_value(path, shown, "must match dataSourceRef"))
    return causes


def _data_source(source: Obj, path: str) -> list[Cause]:
    causes = [required(f"{path}.{field}") for field in ("name", "kind") if not source.get(field)]
    group, kind = source.get("apiGroup") or "", source.get("kind") or ""
    if not group and kind != "PersistentVolumeClaim":
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        causes.append(invalid_value(path, kind, detail))
    if group:
        causes += dns_subdomain(group, f"{path}.apiGroup")
    return causes


def validate_claim_template(template: Obj, path: str) -> list[Cause]:
    """Check the claim that a pod's ephemeral volume makes."""
    return validate_template_metadata(template.get("metadata") or {}, f"{path}.metadata") + (
        validate_claim_spec(template.get("spec") or {}, f"{path}.spec")
    )


def validate_template_metadata(metadata: Obj, path: str) -> list[Cause]:
    """Check metadata of which only labels and annotations are used."""
    causes: list[Cause] = []
    if annotations := metadata.get("annotations"):
        causes += validate_annotations(annotations, f"{path}.annotations")
    if labels := metadata.get("labels"):
        causes += validate_labels(labels, f"{path}.labels")
    return causes + [
        forbidden_field(f"{path}.{field}", "cannot be set")
        for field in metadata
        if field not in _TEMPLATE_METADATA
    ]


def _claim(claim: Obj) -> list[Cause]:
    return validate_claim_spec(spec_of(claim), "spec")


def _storage(spec: Obj) -> Any:
    return ((spec.get("resources") or {}).get("requests") or {}).get("storage")


def _update(claim: Obj, old: Obj) -> list[Cause]:
    causes = _claim(claim)
    spec, before = deep_copy(spec_of(claim)), dict(spec_of(old))
    if not before.get("volumeName"):
        # The binder may name the volume once.
        _set(before, "volumeName", spec.get("volumeName"))
    causes += _class_change(claim, old, spec, before)
    if (claim.get("status") or {}).get("phase") == "Bound":
        requests = (spec.get("resources") or {}).get("requests")
        if requests is not None:
            _set(requests, "storage", _storage(before))
        if "volumeAttributesClassName" in spec:
            _set(spec, "volumeAttributesClassName", before.get("volumeAttributesClassName"))
    if spec != before:
        changed = diff("core.PersistentVolumeClaimSpec", before, spec)
        detail = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for "
            f"bound claims\n{changed}"
        )
        causes.append(forbidden_field("spec", detail))
    causes += _shrink(claim, old)
    modes = spec_of(claim).get("volumeMode"), spec_of(old).get("volumeMode")
    causes += immutable_field("volumeMode", *modes)
    new_class = spec_of(claim).get("volumeAttributesClassName")
    if spec_of(old).get("volumeAttributesClassName") is not None and not new_class:
        what = "nil" if new_class is None else "an empty string"
        detail = f"update from non-nil value to {what} is forbidden"
        causes.append(forbidden_field("spec.volumeAttributesClassName", detail))
    return causes


def _class_change(claim: Obj, old: Obj, spec: Obj, before: Obj) -> list[Cause]:
    """A class may move from the old annotation to the field, or be given to a claim that had none."""
    annotations = (claim["metadata"].get("annotations") or {}).get(_BETA_CLASS)
    annotated = (old["metadata"].get("annotations") or {}).get(_BETA_CLASS)
    name, was = spec.get("storageClassName"), before.get("storageClassName")
    if annotated is not None and was is None and name == annotated and annotations in (None, annotated):
        spec.pop("storageClassName")
        return []
    if was is None and name is not None and annotated in (None, name):
        spec.pop("storageClassName")
    if (annotations or "") != (annotated or ""):
        at = f"metadata.annotations.{_BETA_CLASS}"
        return [invalid_value(at, annotations or "", "field is immutable")]
    return []


def _shrink(claim: Obj, old: Obj) -> list[Cause]:
    """A request may shrink to recover from a failed expansion, but not below what the volume has."""
    new_size, old_size = _storage(spec_of(claim)), _storage(spec_of(old))
    new = Quantity.parse(new_size) if new_size is not None else ZERO
    if old_size is None or new >= Quantity.parse(old_size):
        return []
    actual = ((old.get("status") or {}).get("capacity") or {}).get("storage")
    if new > (Quantity.parse(actual) if actual is not None else ZERO):
        return []
    detail = "field can not be less than status.capacity"
    return [forbidden_field("spec.resources.requests.storage", detail)]


def _set(holder: Obj, field: str, value: Any) -> None:
    if value is None:
        holder.pop(field, None)
    else:
        holder[field] = value


def _status(claim: Obj, old: Obj) -> list[Cause]:
    status = claim.get("status") or {}
    causes: list[Cause] = []
    for name, value in (status.get("capacity") or {}).items():
        causes += basic_quantity(value, f"status.capacity[{name}]")
    at = "status.allocatedResourceStatus"
    for name, value in (status.get("allocatedResourceStatuses") or {}).items():
        causes += _resource_key(name, at)
        if value not in _RESIZE_STATUSES:
            causes.append(not_supported(at, name, sorted(_RESIZE_STATUSES)))
    for name, value in (status.get("allocatedResources") or {}).items():
        where = f"status.allocatedResources[{name}]"
        wrong = _resource_key(name, "status.allocatedResources") or basic_quantity(value, where)
        causes += wrong or quantity_value("storage", value, where)
    return causes


def _resource_key(name: str, path: str) -> list[Cause]:
    causes = qualified_name(name, path)
    if not causes and is_native(name) and name != "storage":
        causes = [not_supported(path, name, ("storage",))]
    return causes


def claim_warnings(spec: Obj, path: str) -> list[str]:
    """Return the warnings of a claim's spec."""
    resources = spec.get("resources") or {}
    found: list[str] = []
    for field in ("requests", "limits"):
        value = (resources.get(field) or {}).get("storage")
        if value is not None and Quantity.parse(value).milli_value() % 1000:
            found.append(
                f'{path}.resources.{field}[storage]: fractional byte value "{value}" is invalid, must be an '
                "integer"
            )
    return found


def _warnings(claim: Obj) -> list[str]:
    found: list[str] = []
    if _BETA_CLASS in (claim.get("metadata", {}).get("annotations") or {}):
        found.append(
            f'metadata.annotations[{_BETA_CLASS}]: deprecated since v1.8; use "storageClassName" '
            "attribute instead"
        )
    return found + claim_warnings(spec_of(claim), "spec")


RULES: dict[GK, Rules] = {
    GK("", "PersistentVolumeClaim"): Rules(
        create=_claim, update=_update, warnings=_warnings, subresources={"status": _status}
    ),
}
