# ruff: noqa: E501 (help texts and sentences of kubectl are one line)
"""kubectl create role, clusterrole, rolebinding, clusterrolebinding."""

from __future__ import annotations

from typing import Any

from kubepy.kubectl import generating
from kubepy.kubectl.commands.base import Command
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.flags import Flag
from kubepy.kubectl.session import Session
from kubepy.machinery.meta import Obj

API = "rbac.authorization.k8s.io"


async def _rules(session: Session) -> list[Obj]:
    values = session.values
    verbs = list(dict.fromkeys(values.many("verb")))
    if not verbs:
        raise CommandError("at least one verb must be specified")
    if "*" in verbs:
        verbs = ["*"]
    rules: list[Obj] = []
    groups: dict[str, list[str]] = {}
    for word in values.many("resource"):
        resource, slash, subresource = word.partition("/")
        name, _, group = resource.partition(".")
        if name != "*":
            mapping = await session.discovery.resolve(resource)
            name, group = mapping.gvr.resource, mapping.gvr.group
        groups.setdefault(group, []).append(f"{name}/{subresource}" if slash else name)
    for group, resources in groups.items():
        rule: Obj = {"verbs": verbs, "apiGroups": [group], "resources": list(dict.fromkeys(resources))}
        if values.many("resource-name"):
            rule["resourceNames"] = list(dict.fromkeys(values.many("resource-name")))
        rules.append(rule)
    if values.has("non-resource-url") and values.many("non-resource-url"):
        rules.append({"verbs": verbs, "nonResourceURLs": values.many("non-resource-url")})
    if not rules:
        raise CommandError("at least one resource must be specified")
    return rules


async def _role(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    obj = {
        "apiVersion": f"{API}/v1",
        "kind": "Role",
        "metadata": generating.metadata(name),
        "rules": await _rules(session),
    }
    await generating.create(session, obj, "roles")


async def _cluster_role(session: Session, words: list[str]) -> None:
    name = generating.exactly_one_name(words)
    obj: Obj = {"apiVersion": f"{API}/v1", "kind": "ClusterRole", "metadata": generating.metadata(name)}
    aggregated = session.values.many("aggregation-rule")
    if aggregated:
        labels = dict(generating.pairs(aggregated, "aggregation-rule"))
        obj |= {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": labels}]}, "rules": []}
    else:
        obj["rules"] = await _rules(session)
    await generating.create(session, obj, "clusterroles", namespaced=False)


def _subjects(session: Session) -> list[Obj]:
    values = session.values
    subjects: list[Obj] = [{"kind": "User", "apiGroup": API, "name": name} for name in values.many("user")]
    subjects += [{"kind": "Group", "apiGroup": API, "name": name} for name in values.many("group")]
    for account in values.many("serviceaccount"):
        namespace, colon, name = account.partition(":")
        if not colon or not namespace or not name:
            raise CommandError("serviceaccount must be <namespace>:<name>")
        subjects.append({"kind": "ServiceAccount", "namespace": namespace, "name": name})
    return subjects


def _role_ref(session: Session) -> Obj:
    values = session.values
    role = values.text("role") if values.has("role") else ""
    cluster_role = values.text("clusterrole")
    if bool(role) == bool(cluster_role):
        raise CommandError("exactly one of clusterrole or role must be specified")
    return {"apiGroup": API, "kind": "Role" if role else "ClusterRole", "name": role or cluster_role}


async def _binding(session: Session, words: list[str], kind: str, plural: str) -> None:
    name = generating.exactly_one_name(words)
    obj: Obj = {
        "apiVersion": f"{API}/v1",
        "kind": kind,
        "metadata": generating.metadata(name),
        "roleRef": _role_ref(session),
    }
    if subjects := _subjects(session):
        obj["subjects"] = subjects
    await generating.create(session, obj, plural, namespaced=kind == "RoleBinding")


async def _role_binding(session: Session, words: list[str]) -> None:
    await _binding(session, words, "RoleBinding", "rolebindings")


async def _cluster_role_binding(session: Session, words: list[str]) -> None:
    if not session.values.text("clusterrole"):
        raise CommandError('required flag(s) "clusterrole" not set')
    await _binding(session, words, "ClusterRoleBinding", "clusterrolebindings")


def _make(name: str, summary: str, run: Any, *flags: Flag) -> Command:
    return Command(name, summary, "", (*generating.FLAGS, *flags), run)


_RULES = (
    Flag("verb", "list", help="Verb that applies to the resources contained in the rule"),
    Flag("resource", "list", help="Resource that the rule applies to"),
    Flag("resource-name", "array", help="Resource in the white list that the rule applies to, repeat this flag for multiple items"),
)  # fmt: skip
_SUBJECTS = (
    Flag("clusterrole", help="ClusterRole this binding should reference"),
    Flag("user", "array", help="Usernames to bind to the role."),
    Flag("group", "array", help="Groups to bind to the role."),
    Flag(
        "serviceaccount",
        "array",
        help="Service accounts to bind to the role, in the format <namespace>:<name>.",
    ),
)

COMMANDS = {
    "role": _make("role", "Create a role with single rule", _role, *_RULES),
    "clusterrole": _make("clusterrole", "Create a cluster role", _cluster_role, *_RULES, Flag("non-resource-url", "list", help="A partial url that user should have access to."), Flag("aggregation-rule", "list", help="An aggregation label selector for combining ClusterRoles.")),
    "rolebinding": _make("rolebinding", "Create a role binding for a particular role or cluster role", _role_binding, *_SUBJECTS, Flag("role", help="Role this RoleBinding should reference")),
    "clusterrolebinding": _make("clusterrolebinding", "Create a cluster role binding for a particular cluster role", _cluster_role_binding, *_SUBJECTS),
}  # fmt: skip
