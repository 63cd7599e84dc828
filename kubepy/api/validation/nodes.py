"""Rules of Nodes."""

from __future__ import annotations

from kubepy.api.validation.formats import dual_stack, qualified_name, valid_cidr
from kubepy.api.validation.resource_lists import quantity_value
from kubepy.api.validation.rules import Rules, spec_of
from kubepy.api.validation.scheduling_constraints import taint_effect
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    format_value,
    invalid_value,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj


def _taints(taints: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        at = f"{path}[{index}]"
        key, effect = taint.get("key") or "", taint.get("effect") or ""
        causes += qualified_name(key, f"{at}.key")
        value = taint.get("value") or ""
        if messages := names.label_value(value):
            causes.append(invalid_value(f"{at}.value", value, ";".join(messages)))
        causes += taint_effect(effect, f"{at}.effect") if effect else [required(f"{at}.effect")]
        if (key, effect) in seen:
            message = f"Duplicate value: {format_value(taint)}: taints must be unique by key and effect pair"
            causes.append(Cause("FieldValueDuplicate", message, at))
        seen.add((key, effect))
    return causes


def _resources(node: Obj) -> list[Cause]:
    status = node.get("status") or {}
    return [
        cause
        for field in ("capacity", "allocatable")
        for name, value in (status.get(field) or {}).items()
        for cause in quantity_value(name, value, f"status.{field}.{name}")
    ]


def _node(node: Obj) -> list[Cause]:
    spec = spec_of(node)
    # Kubernetes looks for the taints below metadata when it names them.
    causes = _taints(spec.get("taints") or [], "metadata.taints")
    causes += _resources(node)
    blocks = spec.get("podCIDRs") or []
    for index, block in enumerate(blocks):
        causes += valid_cidr(f"spec.podCIDRs[{index}]", block)
    if len(blocks) > 1:
        if len(blocks) > 2 or not dual_stack(blocks):
            detail = "may specify no more than one CIDR for each IP family"
            causes.append(invalid_value("spec.podCIDRs", blocks, detail))
        causes += [
            duplicate(f"spec.podCIDRs[{index}]", block)
            for index, block in enumerate(blocks)
            if block in blocks[:index]
        ]
    return causes


def _update(node: Obj, old: Obj) -> list[Cause]:
    spec, before = spec_of(node), spec_of(old)
    causes = _resources(node)
    addresses = (node.get("status") or {}).get("addresses") or []
    causes += [
        duplicate(f"status.addresses[{index}]", address)
        for index, address in enumerate(addresses)
        if address in addresses[:index]
    ]
    if before.get("podCIDRs") and spec.get("podCIDRs") != before["podCIDRs"]:
        detail = 'node updates may not change podCIDR except from "" to valid'
        causes.append(forbidden_field("spec.podCIDRs", detail))
    if before.get("providerID") and spec.get("providerID") != before["providerID"]:
        detail = 'node updates may not change providerID except from "" to valid'
        causes.append(forbidden_field("spec.providerID", detail))
    if spec.get("taints") != before.get("taints"):
        causes += _taints(spec.get("taints") or [], "metadata.taints")
    if spec.get("externalID") != before.get("externalID"):
        causes.append(forbidden_field("spec.externalID", "may not be updated"))
    return causes


def _warnings(node: Obj) -> list[str]:
    spec = spec_of(node)
    found: list[str] = []
    if "configSource" in spec:
        found.append(
            "spec.configSource: the feature NodeConfigSource is deprecated since v1.22 and non-functional in "
            "v1.26+"
        )
    if spec.get("externalID"):
        found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    return found


RULES: dict[GK, Rules] = {
    GK("", "Node"): Rules(create=_node, update=_update, warnings=_warnings, subresources={"status": _update}),
}
