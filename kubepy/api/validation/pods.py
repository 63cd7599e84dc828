"""Rules of pods and of pod templates, and of what may change in a running pod."""

from __future__ import annotations

from typing import Any

from kubepy.api.validation.containers import validate_containers
from kubepy.api.validation.objectmeta import validate_annotations, validate_labels
from kubepy.api.validation.pod_warnings import pod_warnings, template_warnings
from kubepy.api.validation.rules import Rules, all_messages, one_of, optional_one_of, spec_of
from kubepy.api.validation.scheduling_constraints import (
    validate_affinity,
    validate_spread,
    validate_tolerations,
)
from kubepy.api.validation.volumes import validate_volumes
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj, deep_copy

RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_UPDATE_MESSAGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate_pod_spec(spec: Obj, path: str) -> list[Cause]:
    """Check a pod's spec, or a template's."""
    volumes, causes = validate_volumes(spec.get("volumes") or [], f"{path}.volumes")
    # Claims of a StatefulSet's templates become volumes only in its pods; it passes them by name.
    containers = spec.get("containers") or []
    if not containers:
        causes.append(required(f"{path}.containers"))
    causes += validate_containers(containers, f"{path}.containers", volumes)
    init = spec.get("initContainers") or []
    if init:
        causes += validate_containers(init, f"{path}.initContainers", volumes, init=True)
        taken = {container.get("name") for container in containers}
        causes += [
            duplicate(f"{path}.initContainers[{index}].name", container["name"])
            for index, container in enumerate(init)
            if container.get("name") in taken
        ]
    causes += one_of(f"{path}.restartPolicy", spec.get("restartPolicy"), RESTART_POLICIES)
    causes += one_of(f"{path}.dnsPolicy", spec.get("dnsPolicy"), _DNS_POLICIES)
    causes += _host_ports(spec, path)
    causes += _names(spec, path)
    if selector := spec.get("nodeSelector"):
        causes += validate_labels(selector, f"{path}.nodeSelector")
    if tolerations := spec.get("tolerations"):
        causes += validate_tolerations(tolerations, f"{path}.tolerations")
    if affinity := spec.get("affinity"):
        causes += validate_affinity(affinity, f"{path}.affinity")
    if constraints := spec.get("topologySpreadConstraints"):
        causes += validate_spread(constraints, f"{path}.topologySpreadConstraints")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        detail = "must be between 1 and 2147483647, inclusive"
        causes.append(invalid_value(f"{path}.activeDeadlineSeconds", deadline, detail))
    if spec.get("dnsPolicy") == "None" and not (spec.get("dnsConfig") or {}).get("nameservers"):
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        causes.append(required(f"{path}.dnsConfig.nameservers", detail))
    return causes


def _names(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field, rule in (
        ("serviceAccountName", names.dns_subdomain),
        ("nodeName", names.dns_subdomain),
        ("hostname", names.dns_label),
        ("subdomain", names.dns_label),
        ("priorityClassName", names.dns_subdomain),
        ("runtimeClassName", names.dns_subdomain),
    ):
        if value := spec.get(field):
            causes += all_messages(f"{path}.{field}", value, rule(value))
    causes += optional_one_of(
        f"{path}.preemptionPolicy", spec.get("preemptionPolicy"), ("PreemptLowerPriority", "Never")
    )
    return causes


def _host_ports(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[tuple[Any, ...]] = set()
    host_network = spec.get("hostNetwork")
    for index, container in enumerate(spec.get("containers") or ()):
        for position, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort")
            at = f"{path}.containers[{index}].ports[{position}]"
            if not host:
                continue
            if host_network and host != port.get("containerPort"):
                detail = "must match `hostPort` when `hostNetwork` is true"
                causes.append(invalid_value(f"{at}.containerPort", port.get("containerPort"), detail))
            key = (port.get("protocol"), port.get("hostIP") or "", host)
            if key in seen:
                text = f"{key[0]}/{key[1]}/{host}"
                causes.append(duplicate(f"{at}.hostPort", text))
            seen.add(key)
    return causes


def validate_template(template: Obj, path: str) -> list[Cause]:
    """Check a pod template: labels and annotations, then the spec."""
    metadata = template.get("metadata") or {}
    causes: list[Cause] = []
    if labels := metadata.get("labels"):
        causes += validate_labels(labels, f"{path}.labels")
    if annotations := metadata.get("annotations"):
        causes += validate_annotations(annotations, f"{path}.annotations")
    spec = template.get("spec") or {}
    if spec.get("ephemeralContainers"):
        detail = "ephemeral containers not allowed in pod template"
        causes.append(forbidden_field(f"{path}.spec.ephemeralContainers", detail))
    return causes + validate_pod_spec(spec, f"{path}.spec")


def _create(pod: Obj) -> list[Cause]:
    spec = spec_of(pod)
    causes = validate_pod_spec(spec, "spec")
    if spec.get("ephemeralContainers"):
        causes.append(forbidden_field("spec.ephemeralContainers", "cannot be set on create"))
    return causes


def _update(pod: Obj, old: Obj) -> list[Cause]:
    new_spec, old_spec = spec_of(pod), spec_of(old)
    if new_spec == old_spec:
        return []
    if len(new_spec.get("containers") or ()) != len(old_spec.get("containers") or ()):
        return [forbidden_field("spec.containers", "pod updates may not add or remove containers")]
    if len(new_spec.get("initContainers") or ()) != len(old_spec.get("initContainers") or ()):
        return [forbidden_field("spec.initContainers", "pod updates may not add or remove containers")]
    causes = _mutable_fields(new_spec, old_spec)
    if causes:
        return causes
    munged = deep_copy(new_spec)
    for field in ("containers", "initContainers"):
        for container, before in zip(munged.get(field) or (), old_spec.get(field) or (), strict=True):
            container["image"] = before.get("image")
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        _restore(munged, old_spec, field)
    if (old_spec.get("terminationGracePeriodSeconds") or 0) < 0 and (
        munged.get("terminationGracePeriodSeconds") == 1
    ):
        _restore(munged, old_spec, "terminationGracePeriodSeconds")
    if old_spec.get("schedulingGates"):
        # A gated pod may still be steered to fewer nodes.
        _restore(munged, old_spec, "nodeSelector")
        _restore(munged, old_spec, "affinity")
    if munged != old_spec:
        changed = sorted(field for field in {*munged, *old_spec} if munged.get(field) != old_spec.get(field))
        diff = ", ".join(changed)
        return [forbidden_field("spec", f"{_UPDATE_MESSAGE}\nchanged: {diff}\n")]
    return []


def _restore(spec: Obj, old: Obj, field: str) -> None:
    if field in old:
        spec[field] = old[field]
    else:
        spec.pop(field, None)


def _mutable_fields(new: Obj, old: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for field in ("containers", "initContainers"):
        for index, container in enumerate(new.get(field) or ()):
            if not container.get("image"):
                causes.append(required(f"spec.{field}[{index}].image"))
    deadline, before = new.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds")
    if deadline is not None:
        if deadline < 0:
            detail = "must be between 0 and 2147483647, inclusive"
            causes.append(invalid_value("spec.activeDeadlineSeconds", deadline, detail))
        elif before is not None and before < deadline:
            detail = "must be less than or equal to previous value"
            causes.append(invalid_value("spec.activeDeadlineSeconds", deadline, detail))
    elif before is not None:
        detail = "must not update from a positive integer to nil value"
        causes.append(invalid_value("spec.activeDeadlineSeconds", None, detail))
    tolerations = new.get("tolerations") or []
    for toleration in old.get("tolerations") or []:
        kept = {k: v for k, v in toleration.items() if k != "tolerationSeconds"}
        if not any({k: v for k, v in t.items() if k != "tolerationSeconds"} == kept for t in tolerations):
            detail = "existing toleration can not be modified except its tolerationSeconds"
            causes.append(forbidden_field("spec.tolerations", detail))
            break
    gates = {gate.get("name") for gate in old.get("schedulingGates") or ()}
    for gate in new.get("schedulingGates") or ():
        if gate.get("name") not in gates:
            detail = "only deletion is allowed, but found new scheduling gate"
            causes.append(forbidden_field("spec.schedulingGates", f"{detail} '{gate.get('name')}'"))
    return causes


def _status(pod: Obj, old: Obj) -> list[Cause]:
    nominated = (pod.get("status") or {}).get("nominatedNodeName")
    if nominated:
        return all_messages("status.nominatedNodeName", nominated, names.dns_subdomain(nominated))
    return []


def _ephemeral(pod: Obj, old: Obj) -> list[Cause]:
    new = spec_of(pod).get("ephemeralContainers") or []
    before = {c.get("name"): c for c in spec_of(old).get("ephemeralContainers") or ()}
    causes: list[Cause] = []
    path = "spec.ephemeralContainers"
    taken = {
        c.get("name") for field in ("containers", "initContainers") for c in spec_of(pod).get(field) or ()
    }
    volumes = {volume.get("name") or "": volume for volume in spec_of(pod).get("volumes") or ()}
    causes += validate_containers(new, path, volumes)
    for index, container in enumerate(new):
        name = container.get("name")
        if name in taken:
            causes.append(duplicate(f"{path}[{index}].name", name))
        if name in before and before.pop(name) != container:
            detail = f"existing ephemeral containers {name!r} may not be changed"
            causes.append(forbidden_field(path, detail.replace("'", '"')))
    causes += [
        forbidden_field(path, f'existing ephemeral containers "{name}" may not be removed') for name in before
    ]
    return causes


def _resize(pod: Obj, old: Obj) -> list[Cause]:
    return validate_pod_spec(spec_of(pod), "spec")


def _pod_template(obj: Obj) -> list[Cause]:
    return validate_template(obj.get("template") or {}, "template")


RULES: dict[GK, Rules] = {
    GK("", "Pod"): Rules(
        create=_create,
        update=_update,
        warnings=pod_warnings,
        subresources={"status": _status, "ephemeralcontainers": _ephemeral, "resize": _resize},
    ),
    GK("", "PodTemplate"): Rules(create=_pod_template, warnings=template_warnings("template")),
}
