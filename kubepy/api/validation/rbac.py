"""Rules of the group rbac.authorization.k8s.io."""

from __future__ import annotations

from kubepy.api.validation.rules import Rules, all_messages
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_GROUP = "rbac.authorization.k8s.io"


def _rules(role: Obj, *, namespaced: bool) -> list[Cause]:
    causes: list[Cause] = []
    for index, rule in enumerate(role.get("rules") or ()):
        at = f"rules[{index}]"
        if not rule.get("verbs"):
            causes.append(required(f"{at}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            if namespaced:
                detail = "namespaced rules cannot apply to non-resource URLs"
                causes.append(invalid_value(f"{at}.nonResourceURLs", rule["nonResourceURLs"], detail))
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                detail = "rules cannot apply to both regular resources and non-resource URLs"
                causes.append(invalid_value(f"{at}.nonResourceURLs", rule["nonResourceURLs"], detail))
            continue
        if not rule.get("apiGroups"):
            causes.append(required(f"{at}.apiGroups", "resource rules must supply at least one api group"))
        if not rule.get("resources"):
            causes.append(required(f"{at}.resources", "resource rules must supply at least one resource"))
    return causes


def _role(role: Obj) -> list[Cause]:
    return _rules(role, namespaced=True)


def _cluster_role(role: Obj) -> list[Cause]:
    causes = _rules(role, namespaced=False)
    aggregation = role.get("aggregationRule")
    if aggregation is not None:
        selectors = aggregation.get("clusterRoleSelectors") or []
        if not selectors:
            detail = "at least one clusterRoleSelector required if aggregationRule is non-nil"
            causes.append(required("aggregationRule.clusterRoleSelectors", detail))
        for index, selector in enumerate(selectors):
            causes += validate_label_selector(selector, f"aggregationRule.clusterRoleSelectors[{index}]")
    return causes


def _subject(subject: Obj, path: str, *, namespaced: bool) -> list[Cause]:
    causes: list[Cause] = []
    name, kind = subject.get("name") or "", subject.get("kind") or ""
    if not name:
        causes.append(required(f"{path}.name"))
    match kind:
        case "ServiceAccount":
            if name:
                causes += all_messages(f"{path}.name", name, names.dns_subdomain(name))
            if subject.get("apiGroup"):
                causes.append(not_supported(f"{path}.apiGroup", subject["apiGroup"], ("",)))
            if not namespaced and not subject.get("namespace"):
                causes.append(required(f"{path}.namespace"))
        case "User" | "Group":
            if not name:
                detail = f"{kind.lower()} name cannot be empty"
                causes.append(invalid_value(f"{path}.name", name, detail))
            if subject.get("apiGroup") != _GROUP:
                causes.append(not_supported(f"{path}.apiGroup", subject.get("apiGroup") or "", (_GROUP,)))
        case _:
            causes.append(not_supported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group")))
    return causes


def _binding(binding: Obj, kinds: tuple[str, ...]) -> list[Cause]:
    causes: list[Cause] = []
    reference = binding.get("roleRef") or {}
    if reference.get("apiGroup") != _GROUP:
        causes.append(not_supported("roleRef.apiGroup", reference.get("apiGroup") or "", (_GROUP,)))
    if reference.get("kind") not in kinds:
        causes.append(not_supported("roleRef.kind", reference.get("kind") or "", kinds))
    name = reference.get("name") or ""
    if not name:
        causes.append(required("roleRef.name"))
    else:
        causes += all_messages("roleRef.name", name, names.path_segment(name))
    for index, subject in enumerate(binding.get("subjects") or ()):
        causes += _subject(subject, f"subjects[{index}]", namespaced=len(kinds) == 2)
    return causes


def _role_binding(binding: Obj) -> list[Cause]:
    return _binding(binding, ("Role", "ClusterRole"))


def _cluster_role_binding(binding: Obj) -> list[Cause]:
    return _binding(binding, ("ClusterRole",))


def _same_role(binding: Obj, old: Obj) -> list[Cause]:
    if binding.get("roleRef") == old.get("roleRef"):
        return []
    return [invalid_value("roleRef", binding.get("roleRef"), "cannot change roleRef")]


def _role_binding_update(binding: Obj, old: Obj) -> list[Cause]:
    return _role_binding(binding) + _same_role(binding, old)


def _cluster_role_binding_update(binding: Obj, old: Obj) -> list[Cause]:
    return _cluster_role_binding(binding) + _same_role(binding, old)


RULES: dict[GK, Rules] = {
    GK(_GROUP, "Role"): Rules(name=names.path_segment, create=_role),
    GK(_GROUP, "ClusterRole"): Rules(name=names.path_segment, create=_cluster_role),
    GK(_GROUP, "RoleBinding"): Rules(
        name=names.path_segment, create=_role_binding, update=_role_binding_update
    ),
    GK(_GROUP, "ClusterRoleBinding"): Rules(
        name=names.path_segment, create=_cluster_role_binding, update=_cluster_role_binding_update
    ),
}
