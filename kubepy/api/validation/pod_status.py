"""Rules of a pod's status: addresses, container states that do not come back, claims."""

from __future__ import annotations

from kubepy.api.validation.formats import (
    dns_subdomain,
    dual_stack,
    qualified_name,
    user_or_group_id,
    valid_ip,
)
from kubepy.api.validation.pod_annotations import validate_annotation_updates
from kubepy.api.validation.rules import immutable_field, spec_of
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
)
from kubepy.machinery.meta import Obj

_SYSTEM_CONDITIONS = frozenset(("PodScheduled", "Ready", "Initialized"))
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_HEALTH = ("Healthy", "Unhealthy", "Unknown")


def validate_pod_status(pod: Obj, old: Obj) -> list[Cause]:
    """Check a change through the status subresource."""
    status, before = pod.get("status") or {}, old.get("status") or {}
    spec, old_spec = spec_of(pod), spec_of(old)
    annotations = pod["metadata"].get("annotations") or {}
    old_annotations = old["metadata"].get("annotations") or {}
    causes = validate_annotation_updates(annotations, old_annotations, spec, "metadata.annotations")
    for index, condition in enumerate(status.get("conditions") or ()):
        kind = condition.get("type") or ""
        if kind not in _SYSTEM_CONDITIONS:
            causes += qualified_name(kind, f"metadata.conditions[{index}].Type")
    if spec.get("nodeName") != old_spec.get("nodeName"):
        causes.append(forbidden_field("status.nodeName", "may not be changed directly"))
    nominated = status.get("nominatedNodeName")
    if nominated and nominated != before.get("nominatedNodeName"):
        causes += dns_subdomain(nominated, "status.nominatedNodeName")
    causes += immutable_field("status.qosClass", status.get("qosClass"), before.get("qosClass"))
    if any(map(before.get, _STATUSES)):
        causes += _transitions(status, before, old_spec)
    if "resourceClaimStatuses" in status:
        causes += _claims(status, spec)
    if "podIPs" in status:
        causes += _addresses(status["podIPs"], "status.podIPs")
    if hosts := status.get("hostIPs"):
        first = hosts[0].get("ip") or ""
        if status.get("hostIP", "") != first:
            causes.append(invalid_value("status.hostIPs[0].ip", first, "must be equal to `hostIP`"))
        causes += _addresses(hosts, "status.hostIPs")
    if not any(map(status.get, _STATUSES)):
        return causes
    windows = (spec.get("os") or {}).get("name") == "windows"
    for field in _STATUSES:
        for index, container in enumerate(status.get(field) or ()):
            if "user" in container:
                causes += _user(container["user"], f"status.{field}[{index}].linux", windows)
    return causes + _allocated(status, spec)


def _transitions(status: Obj, before: Obj, spec: Obj) -> list[Cause]:
    """A container that ended stays so, where its restart policy says that it does."""
    causes: list[Cause] = []
    policy = spec.get("restartPolicy")
    restarting = {
        container.get("name")
        for field in ("initContainers", "containers")
        for container in spec.get(field) or ()
        if container.get("restartPolicy") in ("Always", "OnFailure") or "restartPolicyRules" in container
    }
    for field in _STATUSES:
        rule = "Never" if field == "ephemeralContainerStatuses" else policy
        old_statuses = before.get(field)
        if rule == "Always" or not old_statuses:
            continue
        running = {
            s.get("name") for s in status.get(field) or () if "terminated" not in (s.get("state") or {})
        }
        for index, was in enumerate(old_statuses):
            ended = (was.get("state") or {}).get("terminated")
            if ended is None or (ended.get("exitCode") and rule == "OnFailure"):
                continue
            if was.get("name") in restarting:
                continue
            if was.get("name") in running:
                detail = "may not be transitioned to non-terminated state"
                causes.append(forbidden_field(f"status.{field}[{index}].state", detail))
    return causes


def _claims(status: Obj, spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    known = {claim.get("name") for claim in spec.get("resourceClaims") or ()}
    seen: set[str] = set()
    for index, claim in enumerate(status.get("resourceClaimStatuses") or ()):
        at, name = f"status.resourceClaimStatuses[{index}].name", claim.get("name") or ""
        if name not in known:
            detail = "must match the name of an entry in `spec.resourceClaims`"
            causes.append(invalid_value(at, name, detail))
        if name in seen:
            causes.append(duplicate(at, name))
        seen.add(name)
        made = claim.get("resourceClaimName")
        if made is not None:
            causes += dns_subdomain(made, at)
    return causes


def _addresses(addresses: list[Obj], path: str) -> list[Cause]:
    values = [address.get("ip") or "" for address in addresses]
    causes: list[Cause] = []
    for index, value in enumerate(values):
        causes += valid_ip(f"{path}[{index}]", value)
    if len(values) > 1:
        if len(values) > 2 or not dual_stack(values):
            detail = "may specify no more than one IP for each IP family"
            causes.append(invalid_value(path, addresses, detail))
        causes += [
            duplicate(f"{path}[{index}]", addresses[index])
            for index, value in enumerate(values)
            if value in values[:index]
        ]
    return causes


def _user(user: Obj, path: str, windows: bool) -> list[Cause]:
    linux = user.get("linux")
    if linux is None:
        return []
    if windows:
        return [forbidden_field(path, "cannot be set for a windows pod")]
    causes = user_or_group_id(linux.get("uid"), f"{path}.uid")
    causes += user_or_group_id(linux.get("gid"), f"{path}.gid")
    for index, group in enumerate(linux.get("supplementalGroups") or ()):
        causes += user_or_group_id(group, f"{path}.supplementalGroups[{index}]")
    return causes


def _allocated(status: Obj, spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for field, kind in (("containerStatuses", "containers"), ("initContainerStatuses", "initContainers")):
        for index, container in enumerate(status.get(field) or ()):
            allocated = container.get("allocatedResourcesStatus")
            if allocated:
                owner = next(
                    (c for c in spec.get(kind) or () if c.get("name") == container.get("name")), None
                )
                at = f"status.{field}[{index}].allocatedResourcesStatus"
                for position, resource in enumerate(allocated):
                    causes += _allocated_resource(resource, owner, f"{at}[{position}]")
    causes += [
        forbidden_field(
            f"status.ephemeralContainerStatuses[{index}].allocatedResourcesStatus",
            "must not be specified in container status",
        )
        for index, container in enumerate(status.get("ephemeralContainerStatuses") or ())
        if container.get("allocatedResourcesStatus")
    ]
    return causes


def _allocated_resource(resource: Obj, owner: Obj | None, path: str) -> list[Cause]:
    causes: list[Cause] = []
    name = resource.get("name") or ""
    if owner is not None:
        asked = owner.get("resources") or {}
        if name.startswith("claim:"):
            known = {
                f"claim:{c.get('name')}" + (f"/{c['request']}" if c.get("request") else "")
                for c in asked.get("claims") or ()
            }
            detail = (
                "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' "
                "or 'claim:<claimName>' if request is empty"
            )
        else:
            known = set(asked.get("requests") or ())
            detail = "must match one of the container's resource requests"
        if name not in known:
            causes.append(invalid_value(f"{path}.name", name, detail))
    seen: set[str] = set()
    for index, item in enumerate(resource.get("resources") or ()):
        health, identifier = item.get("health") or "", item.get("resourceID") or ""
        at = f"{path}.resources[{index}]"
        if health not in _HEALTH:
            causes.append(not_supported(f"{at}.health", health, sorted(_HEALTH)))
        if identifier in seen:
            causes.append(duplicate(f"{at}.resourceID", identifier))
        seen.add(identifier)
    return causes
