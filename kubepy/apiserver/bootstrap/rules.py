"""How bootstrap policies are written: rules, roles and bindings as the API's objects."""

from __future__ import annotations

from typing import Any

from kubepy.machinery.meta import Obj

READ = ["get", "list", "watch"]
WRITE = ["create", "delete", "deletecollection", "patch", "update"]
READ_WRITE = [*READ, *WRITE]
AUTHORIZATION = "authorization.k8s.io"
AUTHENTICATION = "authentication.k8s.io"
RBAC = "rbac.authorization.k8s.io"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"


def rule(verbs: list[str], group: str | list[str], *resources: str, names: list[str] | None = None) -> Obj:
    """A PolicyRule for resources."""
    made: Obj = {
        "verbs": list(verbs),
        "apiGroups": [group] if isinstance(group, str) else group,
        "resources": list(resources),
    }
    if names:
        made["resourceNames"] = names
    return made


def urls(*paths: str, verbs: list[str] | None = None) -> Obj:
    """A PolicyRule for paths."""
    return {"verbs": verbs or ["get"], "nonResourceURLs": list(paths)}


def role(name: str, rules: list[Obj], *, labels: dict[str, str] | None = None, aggregates: str = "") -> Obj:
    """A ClusterRole."""
    made: dict[str, Any] = {
        "metadata": {
            "name": name,
            "labels": {**_LABELS, **(labels or {})},
            "annotations": dict(_ANNOTATIONS),
        },
        "rules": rules,
    }
    if aggregates:
        selector = {"matchLabels": {f"{AGGREGATE}{aggregates}": "true"}}
        made["aggregationRule"] = {"clusterRoleSelectors": [selector]}
        made["rules"] = []
    return made


def binding(name: str, role_name: str, *subjects: tuple[str, str]) -> Obj:
    """A ClusterRoleBinding. Subjects are ("User" | "Group", name) or (namespace, service account)."""
    return {
        "metadata": {"name": name, "labels": dict(_LABELS), "annotations": dict(_ANNOTATIONS)},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role_name},
        "subjects": [
            {"apiGroup": RBAC, "kind": kind, "name": subject}
            if kind in ("User", "Group")
            else {"kind": "ServiceAccount", "namespace": kind, "name": subject}
            for kind, subject in subjects
        ],
    }


def namespaced_role(namespace: str, name: str, rules: list[Obj]) -> Obj:
    """A Role."""
    made = role(name, rules)
    made["metadata"]["namespace"] = namespace
    return made


def role_binding(namespace: str, name: str, *subjects: tuple[str, str]) -> Obj:
    """A RoleBinding to the Role of the same name."""
    made = binding(name, name, *subjects)
    made["metadata"]["namespace"] = namespace
    made["roleRef"]["kind"] = "Role"
    return made


EVENTS = rule(["create", "patch", "update"], ["", "events.k8s.io"], "events")
