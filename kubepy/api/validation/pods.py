"""Rules of Pods and PodTemplates as wholes; what may change in a pod is in `pod_changes`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubepy.api.validation import known_specs
from kubepy.api.validation.containers import image_without_whitespace
from kubepy.api.validation.pod_annotations import (
    validate_annotations_match_fields,
    validate_pod_annotations,
)
from kubepy.api.validation.pod_changes import (
    validate_ephemeral_containers_change,
    validate_spec_change,
)
from kubepy.api.validation.pod_resize import validate_resize
from kubepy.api.validation.pod_spec import validate_pod_spec, validate_template
from kubepy.api.validation.pod_status import validate_pod_status
from kubepy.api.validation.pod_warnings import pod_warnings, spec_warnings, template_warnings
from kubepy.api.validation.rules import Rules, spec_of
from kubepy.machinery.field_errors import Cause, forbidden_field
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

__all__ = ["RULES", "validate_pod", "validate_template"]


def validate_pod(pod: Obj) -> list[Cause]:
    """Check a pod: its annotations, its spec, and what only pods (not templates) are held to."""
    spec = spec_of(pod)
    annotations = pod["metadata"].get("annotations")
    causes = validate_pod_annotations(annotations, spec, "metadata.annotations") if annotations else []
    causes += validate_pod_spec(spec, "spec", pod)
    if not spec.get("serviceAccountName"):
        causes += _no_tokens(spec)
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            image = container.get("image") or ""
            if image != image.strip():
                causes += image_without_whitespace(container, f"spec.{field}[{index}]")
    return causes


def _no_tokens(spec: Obj) -> list[Cause]:
    detail = "must not be specified when serviceAccountName is not set"
    return [
        forbidden_field(f"spec.volumes[{index}].projected.sources[{position}].serviceAccountToken", detail)
        for index, volume in enumerate(spec.get("volumes") or ())
        for position, source in enumerate((volume.get("projected") or {}).get("sources") or ())
        if "serviceAccountToken" in source
    ]


def _create_warned(pod: Obj, warn: Callable[[str], None]) -> list[Cause]:
    """Check a new pod; one whose spec was in order lately needs no second look at it."""
    key = known_specs.key_of(pod)
    of_spec: Sequence[str] | None = known_specs.warnings_of(key)
    if of_spec is None:
        causes = _create(pod)
        if causes:
            return causes
        if key is not None:
            of_spec = spec_warnings(spec_of(pod), {})
            known_specs.remember(key, of_spec)
    for message in pod_warnings(pod, of_spec):
        warn(message)
    return []


def _create(pod: Obj) -> list[Cause]:
    causes = validate_pod(pod)
    spec = spec_of(pod)
    if spec.get("ephemeralContainers"):
        causes.append(forbidden_field("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("schedulingGates") and spec.get("nodeName"):
        detail = "cannot be set until all schedulingGates have been cleared"
        causes.append(forbidden_field("spec.nodeName", detail))
    if annotations := pod["metadata"].get("annotations"):
        causes += validate_annotations_match_fields(annotations, spec, "spec")
    return causes


def _update(pod: Obj, old: Obj) -> list[Cause]:
    if spec_of(pod) == spec_of(old):
        # The stored spec was checked when it came; only metadata changed.
        return validate_spec_change(pod, old)
    return validate_pod(pod) + validate_spec_change(pod, old)


def _ephemeral(pod: Obj, old: Obj) -> list[Cause]:
    return validate_ephemeral_containers_change(pod, old, validate_pod)


def _resize(pod: Obj, old: Obj) -> list[Cause]:
    return validate_resize(pod, old, validate_pod)


def _pod_template(obj: Obj) -> list[Cause]:
    return validate_template(obj.get("template") or {}, "template")


RULES: dict[GK, Rules] = {
    GK("", "Pod"): Rules(
        create=_create,
        update=_update,
        warnings=pod_warnings,
        create_warned=_create_warned,
        subresources={"status": validate_pod_status, "ephemeralcontainers": _ephemeral, "resize": _resize},
    ),
    GK("", "PodTemplate"): Rules(create=_pod_template, warnings=template_warnings("template", named=False)),
}
