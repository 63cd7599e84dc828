"""RBAC: roles and bindings indexed by subject, kept up to date by the watch cache."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from kubepy.apiserver.authentication.user import SERVICE_ACCOUNT_PREFIX, User
from kubepy.apiserver.authorization.attributes import Attributes
from kubepy.apiserver.cacher import CacheEvent, ResourceCache
from kubepy.machinery.meta import Obj

_MEMO = 20_000
_RBAC_GROUP = "rbac.authorization.k8s.io"
Subject = tuple[str, str]


class Rule(NamedTuple):
    """A PolicyRule with sets for lists."""

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]
    urls: tuple[str, ...]

    @classmethod
    def of(cls, rule: Obj) -> Rule:
        """From the API's object."""
        return cls(
            frozenset(rule.get("verbs") or ()),
            frozenset(rule.get("apiGroups") or ()),
            frozenset(rule.get("resources") or ()),
            frozenset(rule.get("resourceNames") or ()),
            tuple(rule.get("nonResourceURLs") or ()),
        )

    def allows(self, wanted: Attributes) -> bool:
        """Tell whether the rule covers an access."""
        if wanted.verb not in self.verbs and "*" not in self.verbs:
            return False
        if wanted.path:
            return any(url_matches(url, wanted.path) for url in self.urls)
        if wanted.group not in self.groups and "*" not in self.groups:
            return False
        if self.names and wanted.name not in self.names:
            return False
        resources = self.resources
        return (
            wanted.full_resource in resources
            or "*" in resources
            or (wanted.subresource != "" and f"*/{wanted.subresource}" in resources)
        )


def url_matches(rule: str, path: str) -> bool:
    """Tell whether a nonResourceURL covers a path."""
    return rule in ("*", path) or (rule.endswith("*") and path.startswith(rule.rstrip("*")))


class _Binding(NamedTuple):
    role: tuple[str, str]  # (namespace or "" for a ClusterRole, name)
    subjects: tuple[Subject, ...]


class _Bindings:
    """The bindings of one namespace, or of the cluster, by subject."""

    def __init__(self) -> None:
        self._bindings: dict[str, _Binding] = {}
        self._by_subject: dict[Subject, dict[str, _Binding]] = defaultdict(dict)

    def put(self, name: str, binding: _Binding | None) -> None:
        old = self._bindings.pop(name, None)
        for subject in old.subjects if old else ():
            del self._by_subject[subject][name]
        if binding is not None:
            self._bindings[name] = binding
            for subject in binding.subjects:
                self._by_subject[subject][name] = binding

    def of(self, user: User) -> Iterator[_Binding]:
        by_subject = self._by_subject
        if not by_subject:
            return
        yield from by_subject.get(("User", user.name), {}).values()
        for group in user.groups:
            yield from by_subject.get(("Group", group), {}).values()


class RBAC:
    """The authorizer. `follow` connects it with the four caches."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], tuple[Rule, ...]] = {}
        self._raw_rules: dict[tuple[str, str], list[Obj]] = {}
        self._bindings: dict[str, _Bindings] = {"": _Bindings()}
        self._memo: dict[tuple[str, tuple[str, ...], Attributes], bool] = {}

    def follow(self, roles: ResourceCache, bindings: ResourceCache) -> None:
        """Take what a pair of caches (namespaced or cluster-wide) holds, and every change."""
        for cache, put in ((roles, self._put_role), (bindings, self._put_binding)):
            for entry in cache.entries.values():
                put(entry.namespace, entry.name, entry.obj)

            def listen(event: CacheEvent, put: Any = put) -> None:
                obj = None if event.type == "DELETED" else event.entry.obj
                put(event.entry.namespace, event.entry.name, obj)

            cache.add_listener(listen)

    def _put_role(self, namespace: str, name: str, role: Obj | None) -> None:
        self._memo.clear()
        if role is None:
            self._rules.pop((namespace, name), None)
            self._raw_rules.pop((namespace, name), None)
        else:
            raw = role.get("rules") or []
            self._raw_rules[namespace, name] = raw
            self._rules[namespace, name] = tuple(map(Rule.of, raw))

    def _put_binding(self, namespace: str, name: str, binding: Obj | None) -> None:
        self._memo.clear()
        bindings = self._bindings.setdefault(namespace, _Bindings())
        bindings.put(name, None if binding is None else _parse_binding(namespace, binding))

    def authorize(self, user: User, wanted: Attributes) -> bool:
        """Tell whether any rule bound to the user covers the access."""
        if wanted.selector:
            wanted = wanted._replace(selector="")
        key = (user.name, user.groups, wanted)
        known = self._memo.get(key)
        if known is None:
            known = any(rule.allows(wanted) for rule in self._rules_of(user, wanted.namespace))
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            self._memo[key] = known
        return known

    def _roles_of(self, user: User, namespace: str) -> Iterator[tuple[str, str]]:
        for binding in self._bindings[""].of(user):
            yield binding.role
        if namespace and namespace in self._bindings:
            for binding in self._bindings[namespace].of(user):
                yield binding.role

    def _rules_of(self, user: User, namespace: str) -> Iterator[Rule]:
        for role in self._roles_of(user, namespace):
            yield from self._rules.get(role, ())

    def rules_of(self, user: User, namespace: str) -> list[Obj]:
        """The PolicyRules that apply to the user in a namespace, for SelfSubjectRulesReview."""
        return [rule for role in self._roles_of(user, namespace) for rule in self._raw_rules.get(role, ())]

    def rules_of_role(self, namespace: str, name: str) -> list[Obj] | None:
        """The PolicyRules of a Role or (with no namespace) ClusterRole."""
        return self._raw_rules.get((namespace, name))

    def missing_roles(self, user: User, namespace: str) -> list[str]:
        """What the user is bound to that is not there, as the 403 mentions it."""
        texts = []
        for owner, name in self._roles_of(user, namespace):
            if (owner, name) not in self._rules:
                kind = "role" if owner else "clusterrole"
                texts.append(f'{kind}.{_RBAC_GROUP} "{name}" not found')
        return texts


def _parse_binding(namespace: str, binding: Obj) -> _Binding:
    reference = binding.get("roleRef") or {}
    owner = namespace if reference.get("kind") == "Role" else ""
    subjects: list[Subject] = []
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind", ""), subject.get("name", "")
        if kind == "ServiceAccount":
            where = subject.get("namespace") or namespace
            subjects.append(("User", f"{SERVICE_ACCOUNT_PREFIX}{where}:{name}"))
        else:
            subjects.append((kind, name))
    return _Binding((owner, reference.get("name", "")), tuple(dict.fromkeys(subjects)))
