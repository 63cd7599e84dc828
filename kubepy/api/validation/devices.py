"""Rules of the group resource.k8s.io: claims of devices, their templates, classes and slices."""

from __future__ import annotations

from typing import Any

from kubepy.api.validation.claims import validate_template_metadata
from kubepy.api.validation.formats import csi_driver_name, dns_label, dns_subdomain
from kubepy.api.validation.rules import Rules, spec_of
from kubepy.api.validation.scheduling_constraints import validate_node_selector
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_many,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_GROUP = "resource.k8s.io"
_MAX = 32
_MAX_ALTERNATIVES = 8
_MAX_CONSUMERS = 256
_MAX_DEVICES = 128
_MODES = ("All", "ExactCount")
_REFERENCE = (
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
)


def _device_claim(claim: Obj, path: str) -> list[Cause]:
    requests = claim.get("requests") or []
    known = {request.get("name") for request in requests}
    known |= {
        f"{request.get('name')}/{alternative.get('name')}"
        for request in requests
        for alternative in request.get("firstAvailable") or ()
    }
    causes = _bounded(requests, f"{path}.requests", _MAX)
    causes += _unique_names(requests, f"{path}.requests")
    for index, request in enumerate(requests):
        causes += _request(request, f"{path}.requests[{index}]")
    constraints, config = claim.get("constraints") or [], claim.get("config") or []
    causes += _bounded(constraints, f"{path}.constraints", _MAX)
    for index, constraint in enumerate(constraints):
        at = f"{path}.constraints[{index}]"
        causes += _references(constraint.get("requests") or [], known, f"{at}.requests")
        attribute = constraint.get("matchAttribute") or constraint.get("distinctAttribute")
        if attribute is None:
            causes.append(required(f"{at}.matchAttribute"))
        elif "/" not in attribute:
            where = f"{at}.matchAttribute"
            causes.append(invalid_value(where, attribute, "must include a domain"))
    causes += _bounded(config, f"{path}.config", _MAX)
    for index, entry in enumerate(config):
        at = f"{path}.config[{index}]"
        causes += _references(entry.get("requests") or [], known, f"{at}.requests")
        causes += _opaque(entry, at)
    return causes


def _bounded(items: list[Any], path: str, most: int) -> list[Cause]:
    return [too_many(path, len(items), most)] if len(items) > most else []


def _unique_names(items: list[Obj], path: str) -> list[Cause]:
    found = [item.get("name") for item in items]
    return [duplicate(f"{path}[{i}]", name) for i, name in enumerate(found) if name in found[:i]]


def _references(values: list[str], known: set[Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, value in enumerate(values):
        at = f"{path}[{index}]"
        if value.count("/") <= 1:
            causes += [cause for part in value.split("/") for cause in dns_label(part, at)]
        if value not in known:
            causes.append(invalid_value(at, value, _REFERENCE))
        if value in values[:index]:
            causes.append(duplicate(at, value))
    return causes


def _opaque(holder: Obj, path: str) -> list[Cause]:
    opaque = holder.get("opaque")
    if opaque is None:
        return [required(f"{path}.opaque")]
    causes = csi_driver_name(opaque.get("driver") or "", f"{path}.opaque.driver")
    at, parameters = f"{path}.opaque.parameters", opaque.get("parameters")
    if parameters is None:
        causes.append(required(at))
    elif not isinstance(parameters, dict):
        causes.append(invalid_value(at, "<value omitted>", "must be a valid JSON object"))
    return causes


def _request(request: Obj, path: str) -> list[Cause]:
    causes = dns_label(request.get("name") or "", f"{path}.name")
    exactly, alternatives = request.get("exactly"), request.get("firstAvailable") or []
    if exactly is None and not alternatives:
        detail = "exactly one of `exactly` or `firstAvailable` is required"
        return [*causes, required(path, detail)]
    if exactly is not None and alternatives:
        detail = "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"
        return [*causes, invalid_value(path, None, detail)]
    if exactly is not None:
        return causes + _exact(exactly, f"{path}.exactly")
    at = f"{path}.firstAvailable"
    causes += _bounded(alternatives, at, _MAX_ALTERNATIVES) + _unique_names(alternatives, at)
    for index, alternative in enumerate(alternatives):
        causes += dns_label(alternative.get("name") or "", f"{at}[{index}].name")
        causes += _exact(alternative, f"{at}[{index}]")
    return causes


def _exact(request: Obj, path: str) -> list[Cause]:
    name = request.get("deviceClassName")
    at = f"{path}.deviceClassName"
    causes = dns_subdomain(name, at) if name else [required(at)]
    causes += _selectors(request.get("selectors") or [], f"{path}.selectors")
    mode, count = request.get("allocationMode") or "", request.get("count") or 0
    if mode == "All":
        if count:
            detail = "must not be specified when allocationMode is 'All'"
            causes.append(invalid_value(f"{path}.count", count, detail))
    elif mode == "ExactCount":
        if count <= 0:
            causes.append(invalid_value(f"{path}.count", count, "must be greater than zero"))
    else:
        causes.append(not_supported(f"{path}.allocationMode", mode, _MODES))
    return causes


def _selectors(selectors: list[Obj], path: str) -> list[Cause]:
    causes = _bounded(selectors, path, _MAX)
    for index, selector in enumerate(selectors):
        cel = selector.get("cel")
        if cel is None:
            causes.append(required(f"{path}[{index}].cel"))
        elif not cel.get("expression"):
            causes.append(required(f"{path}[{index}].cel.expression"))
    return causes


def _claim(claim: Obj) -> list[Cause]:
    return _device_claim(spec_of(claim).get("devices") or {}, "spec.devices")


def _frozen_spec(obj: Obj, old: Obj) -> list[Cause]:
    if obj.get("spec") == old.get("spec"):
        return []
    return [invalid_value("spec", obj.get("spec"), "field is immutable")]


def _claim_status(claim: Obj, old: Obj) -> list[Cause]:
    status, before = claim.get("status") or {}, old.get("status") or {}
    consumers = status.get("reservedFor") or []
    allocation, was = status.get("allocation"), before.get("allocation")
    causes = _bounded(consumers, "status.reservedFor", _MAX_CONSUMERS)
    seen: set[str] = set()
    for index, consumer in enumerate(consumers):
        at = f"status.reservedFor[{index}]"
        causes += [
            required(f"{at}.{field}") for field in ("resource", "name", "uid") if not consumer.get(field)
        ]
        uid = consumer.get("uid") or ""
        if uid in seen:
            causes.append(duplicate(at, uid))
        seen.add(uid)
    if consumers and allocation is None:
        detail = "may not be specified when `allocated` is not set"
        causes.append(forbidden_field("status.reservedFor", detail))
    elif claim["metadata"].get("deletionTimestamp"):
        known = before.get("reservedFor") or []
        if any(consumer not in known for consumer in consumers):
            detail = (
                "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
            )
            causes.append(forbidden_field("status.reservedFor", detail))
    if was is not None and allocation is not None and allocation != was:
        causes.append(invalid_value("status.allocation", allocation, "field is immutable"))
    return causes


def _template(template: Obj) -> list[Cause]:
    spec = spec_of(template)
    causes = validate_template_metadata(spec.get("metadata") or {}, "spec.metadata")
    return causes + _device_claim((spec.get("spec") or {}).get("devices") or {}, "spec.spec.devices")


def _class(device_class: Obj) -> list[Cause]:
    spec = spec_of(device_class)
    causes = _selectors(spec.get("selectors") or [], "spec.selectors")
    config = spec.get("config") or []
    causes += _bounded(config, "spec.config", _MAX)
    for index, entry in enumerate(config):
        causes += _opaque(entry, f"spec.config[{index}]")
    return causes


def _slice(resource_slice: Obj) -> list[Cause]:
    spec = spec_of(resource_slice)
    causes = csi_driver_name(spec.get("driver") or "", "spec.driver")
    pool = spec.get("pool") or {}
    name = pool.get("name") or ""
    if not name:
        causes.append(required("spec.pool.name"))
    else:
        causes += [cause for part in name.split("/") for cause in dns_subdomain(part, "spec.pool.name")]
    if (pool.get("resourceSliceCount") or 0) <= 0:
        at = "spec.pool.resourceSliceCount"
        causes.append(invalid_value(at, pool.get("resourceSliceCount") or 0, "must be greater than zero"))
    if (pool.get("generation") or 0) < 0:
        at = "spec.pool.generation"
        causes.append(invalid_value(at, pool["generation"], "must be greater than or equal to zero"))
    fields = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
    given = [field for field in fields if spec.get(field)]
    if len(given) != 1:
        detail = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
        if given:
            shown = "{" + ", ".join(f"`{field}`" for field in given) + "}"
            causes.append(invalid_value("spec", shown, f"{detail}, but multiple fields are set"))
        else:
            causes.append(required("spec", detail))
    if node := spec.get("nodeName"):
        causes += dns_subdomain(node, "spec.nodeName")
    if selector := spec.get("nodeSelector"):
        causes += validate_node_selector(selector, "spec.nodeSelector")
        terms = selector.get("nodeSelectorTerms") or []
        if len(terms) != 1:
            detail = "must have exactly one node selector term"
            causes.append(invalid_value("spec.nodeSelector.nodeSelectorTerms", terms, detail))
    devices = spec.get("devices") or []
    causes += _bounded(devices, "spec.devices", _MAX_DEVICES)
    for index, device in enumerate(devices):
        causes += dns_label(device.get("name") or "", f"spec.devices[{index}].name")
    return causes + _unique_names(devices, "spec.devices")


def _slice_update(resource_slice: Obj, old: Obj) -> list[Cause]:
    spec, before = spec_of(resource_slice), spec_of(old)
    causes = _slice(resource_slice)
    for field, new, was in (
        ("driver", spec.get("driver"), before.get("driver")),
        ("pool.name", (spec.get("pool") or {}).get("name"), (before.get("pool") or {}).get("name")),
        ("nodeName", spec.get("nodeName"), before.get("nodeName")),
    ):
        if new != was:
            causes.append(invalid_value(f"spec.{field}", new, "field is immutable"))
    return causes


RULES: dict[GK, Rules] = {
    GK(_GROUP, "ResourceClaim"): Rules(
        name=names.dns_subdomain,
        create=_claim,
        update=_frozen_spec,
        subresources={"status": _claim_status},
    ),
    GK(_GROUP, "ResourceClaimTemplate"): Rules(create=_template, update=_frozen_spec),
    GK(_GROUP, "DeviceClass"): Rules(create=_class),
    GK(_GROUP, "ResourceSlice"): Rules(create=_slice, update=_slice_update),
}
