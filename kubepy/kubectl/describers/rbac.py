"""kubectl describe role, clusterrole and their bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl.describers import writing
from kubepy.kubectl.describers.writing import Writer, go_list
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session


async def role(session: Session, info: Info) -> str:
    """The text about a Role or ClusterRole: one line for each resource."""
    out = Writer()
    out.line(0, f"Name:\t{info.name}")
    writing.labels(out, "Labels", meta.labels(info.obj))
    writing.annotation_lines(out, info.obj)
    out.line(0, "PolicyRule:")
    out.line(1, "Resources\tNon-Resource URLs\tResource Names\tVerbs")
    out.line(1, "---------\t-----------------\t--------------\t-----")
    for resource, urls, names, verbs in _compact(info.obj.get("rules") or []):
        out.line(1, f"{resource}\t{urls}\t{names}\t{verbs}")
    return out.text()


def _compact(rules: list[Obj]) -> list[tuple[str, str, str, str]]:
    """One row for each resource of each group and each name, in the order of the rules' Go notation."""
    verbs: dict[tuple[str, str, str, str], list[str]] = {}
    for rule in rules:
        for group in rule.get("apiGroups") or []:
            for resource in rule.get("resources") or []:
                for name in rule.get("resourceNames") or [""]:
                    verbs.setdefault((group, resource, name, ""), []).extend(rule.get("verbs") or [])
        for url in rule.get("nonResourceURLs") or []:
            verbs.setdefault(("", "", "", url), []).extend(rule.get("verbs") or [])
    rows: list[tuple[str, tuple[str, str, str, str]]] = []
    for (group, resource, name, url), allowed in verbs.items():
        base, slash, sub = resource.partition("/")
        shown = (f"{base}.{group}" if group else base) + slash + sub
        order = f"{go_list(allowed)},[{group}],[{resource}],[{name}],[{url}]"
        rows.append((order, (shown, f"[{url}]", f"[{name}]", go_list(allowed))))
    return [row for _, row in sorted(rows)]


async def binding(session: Session, info: Info) -> str:
    """The text about a RoleBinding or ClusterRoleBinding."""
    obj = info.obj
    reference: Obj = obj.get("roleRef") or {}
    out = Writer()
    out.line(0, f"Name:\t{info.name}")
    writing.labels(out, "Labels", meta.labels(obj))
    writing.annotation_lines(out, obj)
    out.line(0, "Role:")
    out.line(1, f"Kind:\t{reference.get('kind')}")
    out.line(1, f"Name:\t{reference.get('name')}")
    out.line(0, "Subjects:")
    out.line(1, "Kind\tName\tNamespace")
    out.line(1, "----\t----\t---------")
    for subject in obj.get("subjects") or []:
        out.line(1, f"{subject.get('kind')}\t{subject.get('name')}\t{subject.get('namespace') or ''}")
    return out.text()
