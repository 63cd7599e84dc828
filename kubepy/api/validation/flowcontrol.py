"""Rules of the group flowcontrol.apiserver.k8s.io."""

from __future__ import annotations

import math

from kubepy.api.validation.formats import dns_subdomain
from kubepy.api.validation.rules import Rules, spec_of
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_GROUP = "flowcontrol.apiserver.k8s.io"
_MAX_PRECEDENCE = 10000
_MAX_QUEUES = 10_000_000
_MAX_HASH_BITS = 60
_DISTINGUISHERS = ("ByNamespace", "ByUser")
_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "proxy",
    "update",
    "watch",
)
_SUBJECT_KINDS = ("Group", "ServiceAccount", "User")
_SUBJECT_FIELDS = {"ServiceAccount": "serviceAccount", "User": "user", "Group": "group"}


def _flow_schema(schema: Obj) -> list[Cause]:
    spec = spec_of(schema)
    causes: list[Cause] = []
    at, precedence = "spec.matchingPrecedence", spec.get("matchingPrecedence") or 0
    if precedence <= 0:
        causes.append(invalid_value(at, precedence, "must be a positive value"))
    if precedence > _MAX_PRECEDENCE:
        detail = f"must not be greater than {_MAX_PRECEDENCE}"
        causes.append(invalid_value(at, precedence, detail))
    if precedence == 1 and schema["metadata"].get("name") != "exempt":
        detail = "only the schema named 'exempt' may have matchingPrecedence 1"
        causes.append(invalid_value(at, precedence, detail))
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in _DISTINGUISHERS:
        causes.append(not_supported("spec.distinguisherMethod.type", method, _DISTINGUISHERS))
    level = (spec.get("priorityLevelConfiguration") or {}).get("name")
    at = "spec.priorityLevelConfiguration.name"
    if level:
        causes += dns_subdomain(level, at)
    else:
        causes.append(required(at, "must reference a priority level"))
    for index, rule in enumerate(spec.get("rules") or ()):
        causes += _rule(rule, f"spec.rules[{index}]")
    return causes


def _rule(rule: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    subjects = rule.get("subjects") or []
    if not subjects:
        causes.append(required(f"{path}.subjects", "subjects must contain at least one value"))
    for index, subject in enumerate(subjects):
        causes += _subject(subject, f"{path}.subjects[{index}]")
    resources, others = rule.get("resourceRules") or [], rule.get("nonResourceRules") or []
    if not resources and not others:
        detail = "at least one of resourceRules and nonResourceRules has to be non-empty"
        causes.append(required(path, detail))
    for index, resource in enumerate(resources):
        causes += _resource_rule(resource, f"{path}.resourceRules[{index}]")
    for index, other in enumerate(others):
        causes += _non_resource_rule(other, f"{path}.nonResourceRules[{index}]")
    return causes


def _subject(subject: Obj, path: str) -> list[Cause]:
    kind = subject.get("kind") or ""
    own = _SUBJECT_FIELDS.get(kind)
    if own is None:
        return [not_supported(f"{path}.kind", kind, _SUBJECT_KINDS)]
    causes: list[Cause] = []
    at, value = f"{path}.{own}", subject.get(own)
    if value is None:
        causes.append(required(at, f"{own} is required when subject kind is '{kind}'"))
    elif not value.get("name"):
        causes.append(required(f"{at}.name"))
    elif own == "serviceAccount" and value["name"] != "*":
        causes += dns_subdomain(value["name"], f"{at}.name")
    if own == "serviceAccount" and value is not None:
        namespace = value.get("namespace")
        if namespace:
            causes += [
                invalid_value(f"{at}.namespace", namespace, message) for message in names.dns_label(namespace)
            ]
        else:
            causes.append(required(f"{at}.namespace", "must specify namespace for service account"))
    causes += [
        forbidden_field(f"{path}.{field}", f"{field} is forbidden when subject kind is not '{other}'")
        for other, field in _SUBJECT_FIELDS.items()
        if field != own and field in subject
    ]
    return causes


def _verbs(rule: Obj, path: str) -> list[Cause]:
    verbs = rule.get("verbs") or []
    at = f"{path}.verbs"
    if not verbs:
        return [required(at, "verbs must contain at least one value")]
    if "*" in verbs:
        detail = "if '*' is present, must not specify other verbs"
        return [invalid_value(at, verbs, detail)] if len(verbs) > 1 else []
    return [] if set(verbs) <= set(_VERBS) else [not_supported(at, verbs, _VERBS)]


def _resource_rule(rule: Obj, path: str) -> list[Cause]:
    causes = _verbs(rule, path)
    for field, one, others in (
        ("apiGroups", "resource rules must supply at least one api group", "api groups"),
        ("resources", "resource rules must supply at least one resource", "resources"),
    ):
        values = rule.get(field) or []
        if not values:
            causes.append(required(f"{path}.{field}", one))
        elif len(values) > 1 and "*" in values:
            detail = f"if '*' is present, must not specify other {others}"
            causes.append(invalid_value(f"{path}.{field}", values, detail))
    namespaces = rule.get("namespaces") or []
    at = f"{path}.namespaces"
    if not namespaces and not rule.get("clusterScope"):
        detail = "resource rules that are not cluster scoped must supply at least one namespace"
        causes.append(required(at, detail))
    elif "*" in namespaces:
        if len(namespaces) > 1:
            detail = "if '*' is present, must not specify other namespaces"
            causes.append(invalid_value(at, namespaces, detail))
    else:
        intro = "each member of this list must be '*' or a DNS-1123 label; "
        causes += [
            invalid_value(f"{at}[{index}]", namespace, f"{intro}{message}")
            for index, namespace in enumerate(namespaces)
            for message in names.dns_label(namespace)
        ]
    return causes


def _non_resource_rule(rule: Obj, path: str) -> list[Cause]:
    causes = _verbs(rule, path)
    urls = rule.get("nonResourceURLs") or []
    at = f"{path}.nonResourceURLs"
    if not urls:
        causes.append(required(at, "nonResourceURLs must contain at least one value"))
    elif "*" in urls:
        if len(urls) > 1:
            detail = "if '*' is present, must not specify other non-resource URLs"
            causes.append(invalid_value(at, urls, detail))
    else:
        for index, url in enumerate(urls):
            if detail := _url_error(url):
                causes.append(invalid_value(f"{at}[{index}]", url, detail))
    return causes


def _url_error(url: str) -> str:
    if not url:
        return "must not be empty"
    if url == "/":
        return ""
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    stars = url.count("*")
    if stars > 1 or (stars == 1 and not url.endswith("/*")):
        return "wildcard can only do suffix matching"
    return ""


def _priority_level(level: Obj) -> list[Cause]:
    spec = spec_of(level)
    kind = spec.get("type") or ""
    causes: list[Cause] = []
    if (level["metadata"].get("name") == "exempt") != (kind == "Exempt"):
        detail = "type must be 'Exempt' if and only if `name` is 'exempt'"
        causes.append(invalid_value("spec.type", kind, detail))
    exempt, limited = spec.get("exempt"), spec.get("limited")
    if kind == "Exempt":
        if limited is not None:
            causes.append(forbidden_field("spec.limited", "must be nil if the type is not Limited"))
        if exempt is not None:
            causes += _shares(exempt, "spec.exempt", most_lendable=100)
    elif kind == "Limited":
        if exempt is not None:
            causes.append(forbidden_field("spec.exempt", "must be nil if the type is Limited"))
        if limited is None:
            causes.append(required("spec.limited", "must not be empty when type is Limited"))
        else:
            causes += _shares(limited, "spec.limited", most_lendable=100)
            borrowing = limited.get("borrowingLimitPercent")
            if borrowing is not None and borrowing < 0:
                detail = "if specified, must be a non-negative integer"
                causes.append(invalid_value("spec.limited.borrowingLimitPercent", borrowing, detail))
            causes += _limit_response(limited.get("limitResponse") or {}, "spec.limited.limitResponse")
    else:
        causes.append(not_supported("spec.type", kind, ("Exempt", "Limited")))
    return causes


def _shares(holder: Obj, path: str, *, most_lendable: int) -> list[Cause]:
    causes: list[Cause] = []
    shares, lendable = holder.get("nominalConcurrencyShares") or 0, holder.get("lendablePercent")
    if shares < 0:
        detail = "must be a non-negative integer"
        causes.append(invalid_value(f"{path}.nominalConcurrencyShares", shares, detail))
    if lendable is not None and not 0 <= lendable <= most_lendable:
        detail = f"must be between 0 and {most_lendable}, inclusive"
        causes.append(invalid_value(f"{path}.lendablePercent", lendable, detail))
    return causes


def _limit_response(response: Obj, path: str) -> list[Cause]:
    kind, queuing = response.get("type") or "", response.get("queuing")
    at = f"{path}.queuing"
    if kind == "Reject":
        detail = "must be nil if limited.limitResponse.type is not Limited"
        return [] if queuing is None else [forbidden_field(at, detail)]
    if kind != "Queue":
        return [not_supported(f"{path}.type", kind, ("Queue", "Reject"))]
    if queuing is None:
        return [required(at, "must not be empty if limited.limitResponse.type is Limited")]
    causes: list[Cause] = []
    limit, queues = queuing.get("queueLengthLimit") or 0, queuing.get("queues") or 0
    hand = queuing.get("handSize") or 0
    if limit <= 0:
        causes.append(invalid_value(f"{at}.queueLengthLimit", limit, "must be positive"))
    if queues <= 0:
        causes.append(invalid_value(f"{at}.queues", queues, "must be positive"))
    elif queues > _MAX_QUEUES:
        causes.append(invalid_value(f"{at}.queues", queues, f"must not be greater than {_MAX_QUEUES}"))
    if hand <= 0:
        causes.append(invalid_value(f"{at}.handSize", hand, "must be positive"))
    elif hand > queues:
        detail = f"should not be greater than queues ({queues})"
        causes.append(invalid_value(f"{at}.handSize", hand, detail))
    elif _entropy_bits(queues, hand) > _MAX_HASH_BITS:
        detail = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than "
            f"{_MAX_HASH_BITS}"
        )
        causes.append(invalid_value(f"{at}.handSize", hand, detail))
    return causes


def _entropy_bits(deck: int, hand: int) -> int:
    """How many bits it takes to deal a hand from a deck."""
    return math.ceil(math.log2(deck) * hand)


def _status(obj: Obj, old: Obj) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, condition in enumerate((obj.get("status") or {}).get("conditions") or ()):
        at, kind = f"status.conditions[{index}].type", condition.get("type") or ""
        if kind in seen:
            causes.append(duplicate(at, kind))
        seen.add(kind)
        if not kind:
            causes.append(required(at, "must not be empty"))
    return causes


RULES: dict[GK, Rules] = {
    GK(_GROUP, "FlowSchema"): Rules(create=_flow_schema, subresources={"status": _status}),
    GK(_GROUP, "PriorityLevelConfiguration"): Rules(create=_priority_level, subresources={"status": _status}),
}
