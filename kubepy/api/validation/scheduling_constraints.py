"""Rules of what steers scheduling: tolerations, affinity, topology spread."""

from __future__ import annotations

from kubepy.api.validation.rules import all_messages, one_of
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.meta import Obj

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NODE_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")


def validate_tolerations(tolerations: list[Obj], path: str) -> list[Cause]:
    """Check tolerations."""
    causes: list[Cause] = []
    for index, toleration in enumerate(tolerations):
        at = f"{path}[{index}]"
        key, operator = toleration.get("key") or "", toleration.get("operator") or ""
        if key:
            causes += all_messages(f"{at}.key", key, names.qualified_name(key))
        elif operator != "Exists":
            detail = (
                'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            )
            causes.append(invalid_value(f"{at}.operator", operator, detail))
        if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            causes.append(invalid_value(f"{at}.effect", toleration.get("effect") or "", detail))
        if operator in ("Equal", ""):
            value = toleration.get("value") or ""
            causes += all_messages(f"{at}.operator", value, names.label_value(value))
        elif operator == "Exists":
            if toleration.get("value"):
                detail = "value must be empty when `operator` is 'Exists'"
                causes.append(invalid_value(f"{at}.operator", toleration, detail))
        elif operator not in ("Gt", "Lt"):
            causes.append(not_supported(f"{at}.operator", operator, ("Equal", "Exists")))
        if effect := toleration.get("effect"):
            causes += one_of(f"{at}.effect", effect, EFFECTS)
    return causes


def validate_affinity(affinity: Obj, path: str) -> list[Cause]:
    """Check node affinity, pod affinity and pod anti-affinity."""
    causes: list[Cause] = []
    node = affinity.get("nodeAffinity") or {}
    needed = node.get("requiredDuringSchedulingIgnoredDuringExecution")
    if needed is not None:
        at = f"{path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
        causes += validate_node_selector(needed, at)
    for index, term in enumerate(node.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        at = f"{path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        causes += _weight(term, at)
        causes += _node_term(term.get("preference") or {}, f"{at}.preference")
    for field in ("podAffinity", "podAntiAffinity"):
        pods = affinity.get(field) or {}
        for index, term in enumerate(pods.get("requiredDuringSchedulingIgnoredDuringExecution") or ()):
            at = f"{path}.{field}.requiredDuringSchedulingIgnoredDuringExecution[{index}]"
            causes += _pod_term(term, at)
        for index, term in enumerate(pods.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
            at = f"{path}.{field}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
            causes += _weight(term, at)
            causes += _pod_term(term.get("podAffinityTerm") or {}, f"{at}.podAffinityTerm")
    return causes


def validate_node_selector(selector: Obj, path: str) -> list[Cause]:
    """Check a NodeSelector."""
    terms = selector.get("nodeSelectorTerms") or []
    if not terms:
        detail = "must have at least one node selector term"
        return [required(f"{path}.nodeSelectorTerms", detail)]
    return [
        cause
        for index, term in enumerate(terms)
        for cause in _node_term(term, f"{path}.nodeSelectorTerms[{index}]")
    ]


def _weight(term: Obj, path: str) -> list[Cause]:
    weight = term.get("weight") or 0
    if not 1 <= weight <= 100:
        return [invalid_value(f"{path}.weight", weight, "must be in the range 1-100")]
    return []


def _node_term(term: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, expression in enumerate(term.get("matchExpressions") or ()):
        at = f"{path}.matchExpressions[{index}]"
        operator, values = expression.get("operator") or "", expression.get("values") or []
        if operator in ("In", "NotIn") and not values:
            detail = "must be specified when `operator` is 'In' or 'NotIn'"
            causes.append(required(f"{at}.values", detail))
        elif operator in ("Exists", "DoesNotExist") and values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            causes.append(forbidden_field(f"{at}.values", detail))
        elif operator in ("Gt", "Lt") and len(values) != 1:
            detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            causes.append(required(f"{at}.values", detail))
        elif operator not in _NODE_OPERATORS:
            causes.append(invalid_value(f"{at}.operator", operator, "not a valid selector operator"))
        key = expression.get("key") or ""
        causes += all_messages(f"{at}.key", key, names.qualified_name(key))
    return causes


def _pod_term(term: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field in ("labelSelector", "namespaceSelector"):
        if selector := term.get(field):
            causes += validate_label_selector(selector, f"{path}.{field}")
    key = term.get("topologyKey") or ""
    if not key:
        causes.append(required(f"{path}.topologyKey", "can not be empty"))
    else:
        causes += all_messages(f"{path}.topologyKey", key, names.qualified_name(key))
    return causes


def validate_spread(constraints: list[Obj], path: str) -> list[Cause]:
    """Check topology spread constraints."""
    causes: list[Cause] = []
    for index, constraint in enumerate(constraints):
        at = f"{path}[{index}]"
        skew = constraint.get("maxSkew") or 0
        if skew <= 0:
            causes.append(invalid_value(f"{at}.maxSkew", skew, "must be greater than zero"))
        if not constraint.get("topologyKey"):
            causes.append(required(f"{at}.topologyKey", "can not be empty"))
        causes += one_of(
            f"{at}.whenUnsatisfiable",
            constraint.get("whenUnsatisfiable"),
            ("DoNotSchedule", "ScheduleAnyway"),
        )
        if selector := constraint.get("labelSelector"):
            causes += validate_label_selector(selector, f"{at}.labelSelector")
    return causes
