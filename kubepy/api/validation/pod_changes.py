"""What may change in a pod that exists: images, deadlines, more tolerations, fewer gates; more debuggers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubepy.api.validation.formats import in_range
from kubepy.api.validation.pod_annotations import MIRROR, validate_annotation_updates
from kubepy.api.validation.rules import spec_of
from kubepy.api.validation.scheduling_constraints import validate_tolerations
from kubepy.api.validation.struct_diff import diff
from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value, required
from kubepy.machinery.meta import Obj, deep_copy

_UPDATABLE = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )
)
_MAX_INT32 = 2**31 - 1
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _annotations(pod: Obj) -> Obj:
    return pod["metadata"].get("annotations") or {}


def validate_spec_change(pod: Obj, old: Obj) -> list[Cause]:
    """Check the change of a pod's spec and annotations through the main resource."""
    new_spec, old_spec = spec_of(pod), spec_of(old)
    causes = validate_annotation_updates(
        _annotations(pod), _annotations(old), new_spec, "metadata.annotations"
    )
    if new_spec == old_spec:
        return causes
    for field in ("containers", "initContainers"):
        new, before = new_spec.get(field) or [], old_spec.get(field) or []
        if len(new) != len(before):
            detail = "pod updates may not add or remove containers"
            return [*causes, forbidden_field(f"spec.{field}", detail)]
        causes += _images(new, f"spec.{field}")
    wrong, stop = _deadline(new_spec, old_spec)
    causes += wrong
    if stop:
        return causes
    if new_spec.get("tolerations") != old_spec.get("tolerations"):
        causes += _only_added_tolerations(
            new_spec.get("tolerations") or [], old_spec.get("tolerations") or [], "spec.tolerations"
        )
    causes += _only_deleted_gates(new_spec, old_spec)
    munged, wrong = _munged(new_spec, old_spec)
    causes += wrong
    if munged != old_spec:
        changed = diff("core.PodSpec", old_spec, munged)
        detail = f"pod updates may not change fields other than {_UPDATABLE}\n{changed}"
        causes.append(forbidden_field("spec", detail))
    return causes


def _images(containers: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, container in enumerate(containers):
        image = container.get("image") or ""
        if not image:
            causes.append(required(f"{path}[{index}].image"))
        if image != image.strip():
            detail = "must not have leading or trailing whitespace"
            causes.append(invalid_value(f"{path}[{index}].image", image, detail))
    return causes


def _deadline(new: Obj, old: Obj) -> tuple[list[Cause], bool]:
    at = "spec.activeDeadlineSeconds"
    deadline, before = new.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds")
    if deadline is None:
        if before is None:
            return [], False
        return [invalid_value(at, None, "must not update from a positive integer to nil value")], False
    if causes := in_range(deadline, at, 0, _MAX_INT32):
        return causes, True
    if before is not None and before < deadline:
        return [invalid_value(at, deadline, "must be less than or equal to previous value")], True
    return [], False


def _without_seconds(toleration: Obj) -> Obj:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}


def _only_added_tolerations(new: list[Obj], old: list[Obj], path: str) -> list[Cause]:
    present = [_without_seconds(toleration) for toleration in new]
    if any(_without_seconds(toleration) not in present for toleration in old):
        detail = "existing toleration can not be modified except its tolerationSeconds"
        return [forbidden_field(path, detail)]
    return validate_tolerations(new, path)


def _only_deleted_gates(new: Obj, old: Obj) -> list[Cause]:
    known = {gate.get("name") for gate in old.get("schedulingGates") or ()}
    return [
        forbidden_field(
            f"spec.schedulingGates[{index}].name",
            f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'",
        )
        for index, gate in enumerate(new.get("schedulingGates") or ())
        if gate.get("name") not in known
    ]


def _munged(new: Obj, old: Obj) -> tuple[Obj, list[Cause]]:
    """The new spec with all that may change as it was, and what is wrong with how it changed."""
    munged = deep_copy(new)
    causes: list[Cause] = []
    for field in ("containers", "initContainers"):
        for container, before in zip(munged.get(field) or (), old.get(field) or (), strict=True):
            container["image"] = before.get("image")
    for field in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        _restore(munged, old, field)
    if (old.get("terminationGracePeriodSeconds") or 0) < 0 and (
        munged.get("terminationGracePeriodSeconds") == 1
    ):
        _restore(munged, old, "terminationGracePeriodSeconds")
    if old.get("schedulingGates"):
        causes += _gated(munged, old)
    return munged, causes


def _gated(munged: Obj, old: Obj) -> list[Cause]:
    """A pod that waits may be steered to fewer nodes, never to others."""
    causes: list[Cause] = []
    selector, before = munged.get("nodeSelector") or {}, old.get("nodeSelector") or {}
    if selector != before:
        if any(selector.get(key) != value for key, value in before.items()):
            detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            causes.append(invalid_value("spec.nodeSelector", selector, detail))
        _restore(munged, old, "nodeSelector")
    affinity, old_affinity = munged.get("affinity") or {}, old.get("affinity") or {}
    if affinity.get("nodeAffinity") != old_affinity.get("nodeAffinity"):
        causes += validate_node_affinity_mutation(
            "spec.affinity.nodeAffinity",
            affinity.get("nodeAffinity") or {},
            old_affinity.get("nodeAffinity") or {},
        )
        rest = {key: value for key, value in affinity.items() if key != "nodeAffinity"}
        if "nodeAffinity" in old_affinity:
            rest["nodeAffinity"] = old_affinity["nodeAffinity"]
        if rest or "affinity" in old:
            munged["affinity"] = rest
        else:
            munged.pop("affinity", None)
    return causes


def validate_node_affinity_mutation(path: str, new: Obj, old: Obj) -> list[Cause]:
    """Terms that are there may only grow."""
    before = (old.get(_REQUIRED) or {}).get("nodeSelectorTerms") or []
    after = (new.get(_REQUIRED) or {}).get("nodeSelectorTerms") or []
    at = f"{path}.{_REQUIRED}.nodeSelectorTerms"
    if not before:
        return []
    if len(before) != len(after):
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        return [invalid_value(at, after, detail)]
    return [
        invalid_value(f"{at}[{index}]", term, "only additions are allowed (no mutations or deletions)")
        for index, term in enumerate(after)
        if not _only_additions(term, before[index])
    ]


def _only_additions(new: Obj, old: Obj) -> bool:
    fields = ("matchExpressions", "matchFields")
    if not any(old.get(field) for field in fields):
        return not any(new.get(field) for field in fields)
    return all((new.get(f) or [])[: len(old.get(f) or [])] == (old.get(f) or []) for f in fields)


def _restore(spec: Obj, old: Obj, field: str) -> None:
    if field in old:
        spec[field] = old[field]
    else:
        spec.pop(field, None)


def validate_ephemeral_containers_change(
    pod: Obj, old: Obj, validate: Callable[[Obj], list[Cause]]
) -> list[Cause]:
    """Check a change through the ephemeralcontainers subresource: more of them, and nothing else."""
    if MIRROR in _annotations(old):
        return [forbidden_field("", "static pods do not support ephemeral containers")]
    causes = validate(pod)
    path = "spec.ephemeralContainers"
    wanted: dict[Any, Obj] = {c.get("name"): c for c in spec_of(pod).get("ephemeralContainers") or ()}
    for container in spec_of(old).get("ephemeralContainers") or ():
        name = container.get("name")
        new = wanted.get(name)
        if new is None:
            detail = f'existing ephemeral containers "{name}" may not be removed\n'
            causes.append(forbidden_field(path, detail))
        elif new != container:
            changed = diff("core.EphemeralContainer", container, new)
            detail = f'existing ephemeral containers "{name}" may not be changed\n{changed}'
            causes.append(forbidden_field(path, detail))
    return causes
