"""Rules of what steers scheduling: tolerations, affinity, topology spread, gates."""

from __future__ import annotations

import re

from kubepy.api.validation.formats import dns_label, dns_subdomain, good_key, qualified_name
from kubepy.api.validation.rules import all_messages
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.meta import Obj

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS = ("Equal", "Exists", "Lt", "Gt")
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSION = ("Honor", "Ignore")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def taint_effect(effect: str, path: str) -> list[Cause]:
    """Check what a taint does."""
    return [] if effect in EFFECTS else [not_supported(path, effect, EFFECTS)]


def validate_tolerations(tolerations: list[Obj], path: str) -> list[Cause]:
    """Check tolerations."""
    causes: list[Cause] = []
    for index, toleration in enumerate(tolerations):
        key, operator = toleration.get("key"), toleration.get("operator") or ""
        value, effect = toleration.get("value") or "", toleration.get("effect") or ""
        if key:
            if not good_key(key):
                causes += qualified_name(key, f"{path}[{index}].key")
        elif operator != "Exists":
            detail = (
                'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            )
            causes.append(invalid_value(f"{path}[{index}].operator", operator, detail))
        if effect != "NoExecute" and toleration.get("tolerationSeconds") is not None:
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            causes.append(invalid_value(f"{path}[{index}].effect", effect, detail))
        if operator in ("Equal", ""):
            if messages := names.label_value(value):
                causes.append(invalid_value(f"{path}[{index}].operator", value, ";".join(messages)))
        elif operator == "Exists":
            if value:
                detail = "value must be empty when `operator` is 'Exists'"
                causes.append(invalid_value(f"{path}[{index}].operator", value, detail))
        elif operator in ("Lt", "Gt"):
            if not _INTEGER.fullmatch(value):
                detail = "value must be a valid integer when `operator` is 'Lt' or 'Gt'"
                causes.append(invalid_value(f"{path}[{index}].value", value, detail))
        else:
            causes.append(not_supported(f"{path}[{index}].operator", operator, _OPERATORS))
        if effect and effect not in EFFECTS:
            causes += taint_effect(effect, f"{path}[{index}].effect")
    return causes


def validate_affinity(affinity: Obj, path: str) -> list[Cause]:
    """Check node affinity, pod affinity and pod anti-affinity."""
    causes: list[Cause] = []
    if node := affinity.get("nodeAffinity"):
        at = f"{path}.nodeAffinity"
        if _REQUIRED in node:
            causes += validate_node_selector(node[_REQUIRED], f"{at}.{_REQUIRED}")
        for index, term in enumerate(node.get(_PREFERRED) or ()):
            where = f"{at}.{_PREFERRED}[{index}]"
            causes += _weight(term, where)
            preference = term.get("preference") or {}
            # Kubernetes lets a preference have values that no node can have.
            causes += validate_node_term(preference, f"{where}.preference", values=False)
    for field in ("podAffinity", "podAntiAffinity"):
        pods = affinity.get(field)
        if not pods:
            continue
        for index, term in enumerate(pods.get(_REQUIRED) or ()):
            causes += _pod_term(term, f"{path}.{field}.{_REQUIRED}[{index}]")
        for index, term in enumerate(pods.get(_PREFERRED) or ()):
            where = f"{path}.{field}.{_PREFERRED}[{index}]"
            causes += _weight(term, where)
            causes += _pod_term(term.get("podAffinityTerm") or {}, f"{where}.podAffinityTerm")
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
        for cause in validate_node_term(term, f"{path}.nodeSelectorTerms[{index}]")
    ]


def _weight(term: Obj, path: str) -> list[Cause]:
    weight = term.get("weight") or 0
    if not 1 <= weight <= 100:
        return [invalid_value(f"{path}.weight", weight, "must be in the range 1-100")]
    return []


def validate_node_term(term: Obj, path: str, *, values: bool = True) -> list[Cause]:
    """Check one term of a node selector; with `values` also what labels are compared with."""
    causes: list[Cause] = []
    for index, expression in enumerate(term.get("matchExpressions") or ()):
        causes += _node_expression(expression, f"{path}.matchExpressions[{index}]", values=values)
    for index, expression in enumerate(term.get("matchFields") or ()):
        causes += _node_field(expression, f"{path}.matchFields[{index}]")
    return causes


def _node_expression(expression: Obj, path: str, *, values: bool) -> list[Cause]:
    causes: list[Cause] = []
    operator, given = expression.get("operator") or "", expression.get("values") or []
    if operator in ("In", "NotIn"):
        if not given:
            detail = "must be specified when `operator` is 'In' or 'NotIn'"
            causes.append(required(f"{path}.values", detail))
    elif operator in ("Exists", "DoesNotExist"):
        if given:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            causes.append(forbidden_field(f"{path}.values", detail))
    elif operator in ("Gt", "Lt"):
        if len(given) != 1:
            detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            causes.append(required(f"{path}.values", detail))
    else:
        causes.append(invalid_value(f"{path}.operator", operator, "not a valid selector operator"))
    causes += qualified_name(expression.get("key") or "", f"{path}.key")
    if values:
        for index, value in enumerate(given):
            causes += all_messages(f"{path}.values[{index}]", value, names.label_value(value))
    return causes


def _node_field(expression: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    operator, given = expression.get("operator") or "", expression.get("values") or []
    if operator not in ("In", "NotIn"):
        causes.append(invalid_value(f"{path}.operator", operator, "not a valid selector operator"))
    elif len(given) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        causes.append(required(f"{path}.values", detail))
    key = expression.get("key") or ""
    if key != "metadata.name":
        causes.append(invalid_value(f"{path}.key", key, "not a valid field selector key"))
    else:
        for index, value in enumerate(given):
            causes += dns_subdomain(value, f"{path}.values[{index}]")
    return causes


def _pod_term(term: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field in ("labelSelector", "namespaceSelector"):
        if selector := term.get(field):
            causes += validate_label_selector(selector, f"{path}.{field}")
    for namespace in term.get("namespaces") or ():
        causes += dns_label(namespace, f"{path}.namespace")
    if "matchLabelKeys" in term or "mismatchLabelKeys" in term:
        causes += _label_keys_of_term(term, path)
    key = term.get("topologyKey") or ""
    if not key:
        causes.append(required(f"{path}.topologyKey", "can not be empty"))
    return causes + qualified_name(key, f"{path}.topologyKey")


def _label_keys_of_term(term: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    selector = term.get("labelSelector")
    match, mismatch = term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or []
    for field, keys in (("matchLabelKeys", match), ("mismatchLabelKeys", mismatch)):
        if keys and selector is None:
            detail = "must not be specified when labelSelector is not set"
            causes.append(forbidden_field(f"{path}.{field}", detail))
            continue
        for index, key in enumerate(keys):
            causes += qualified_name(key, f"{path}.{field}[{index}]")
    if selector is not None:
        # The keys are in the selector already, put there when the pod was made: twice is one too many.
        seen = set(selector.get("matchLabels") or ())
        for expression in selector.get("matchExpressions") or ():
            key = expression.get("key")
            if key in match and key in seen:
                detail = "exists in both matchLabelKeys and labelSelector"
                causes.append(invalid_value(f"{path}[{match.index(key)}]", key, detail))
            seen.add(key)
    for index, key in enumerate(match):
        if key in mismatch:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            causes.append(invalid_value(f"{path}.matchLabelKeys[{index}]", key, detail))
    return causes


def validate_spread(constraints: list[Obj], path: str) -> list[Cause]:
    """Check topology spread constraints."""
    causes: list[Cause] = []
    for index, constraint in enumerate(constraints):
        at = f"{path}[{index}]"
        skew, key = constraint.get("maxSkew") or 0, constraint.get("topologyKey") or ""
        action = constraint.get("whenUnsatisfiable") or ""
        if skew <= 0:
            causes.append(invalid_value(f"{at}.maxSkew", skew, "must be greater than zero"))
        if not key:
            causes.append(required(f"{at}.topologyKey", "can not be empty"))
        if action not in _ACTIONS:
            causes.append(not_supported(f"{at}.whenUnsatisfiable", action, _ACTIONS))
        if any(
            (c.get("topologyKey"), c.get("whenUnsatisfiable")) == (key, action)
            for c in constraints[index + 1 :]
        ):
            causes.append(duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}"))
        domains = constraint.get("minDomains")
        if domains is not None:
            if domains <= 0:
                causes.append(invalid_value(f"{at}.minDomains", domains, "must be greater than zero"))
            if action != "DoNotSchedule":
                detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
                causes.append(invalid_value(f"{at}.minDomains", domains, detail))
        for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            policy = constraint.get(field)
            if policy is not None and policy not in _INCLUSION:
                causes.append(not_supported(f"{at}.{field}", policy, _INCLUSION))
        if keys := constraint.get("matchLabelKeys"):
            causes += _spread_keys(keys, constraint.get("labelSelector"), f"{at}.matchLabelKeys")
        if selector := constraint.get("labelSelector"):
            causes += validate_label_selector(selector, f"{at}.labelSelector")
    return causes


def _spread_keys(keys: list[str], selector: Obj | None, path: str) -> list[Cause]:
    causes: list[Cause] = []
    selected: set[str] = set()
    if selector is None:
        causes.append(forbidden_field(path, "must not be specified when labelSelector is not set"))
    else:
        selected.update(selector.get("matchLabels") or ())
        selected.update(e.get("key") or "" for e in selector.get("matchExpressions") or ())
    for index, key in enumerate(keys):
        causes += qualified_name(key, f"{path}[{index}]")
        if key in selected:
            detail = "exists in both matchLabelKeys and labelSelector"
            causes.append(invalid_value(f"{path}[{index}]", key, detail))
    return causes


def validate_scheduling_gates(gates: list[Obj], path: str) -> list[Cause]:
    """Check what must be lifted before a pod is scheduled."""
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, gate in enumerate(gates):
        name = gate.get("name") or ""
        causes += qualified_name(name, f"{path}[{index}]")
        if name in seen:
            causes.append(duplicate(f"{path}[{index}]", name))
        seen.add(name)
    return causes
