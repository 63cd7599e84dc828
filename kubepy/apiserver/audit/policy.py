"""audit.k8s.io/v1 Policy: the first rule that matches a request decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.requests import RequestInfo

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
Resources = tuple[str, tuple[str, ...], frozenset[str]]  # group, resources, names


class Decision(NamedTuple):
    """How much is written about a request: the level's rank, and at which stages nothing is."""

    level: int
    omitted: frozenset[str]
    omit_managed_fields: bool

    @property
    def name(self) -> str:
        """The level's name."""
        return LEVELS[self.level]


@dataclass(frozen=True, slots=True)
class Rule:
    """One of `rules`."""

    decision: Decision
    users: frozenset[str]
    groups: frozenset[str]
    verbs: frozenset[str]
    namespaces: frozenset[str]
    resources: tuple[Resources, ...]
    urls: tuple[str, ...]

    def matches(self, info: RequestInfo, user: User) -> bool:
        """Tell whether the rule is about the request."""
        if self.users and user.name not in self.users:
            return False
        if self.groups and self.groups.isdisjoint(user.groups):
            return False
        if self.verbs and info.verb not in self.verbs:
            return False
        if not (self.namespaces or self.resources or self.urls):
            return True
        if not info.is_resource:
            return any(_url_matches(url, info.path) for url in self.urls)
        if not (self.namespaces or self.resources):
            return False
        if self.namespaces and info.namespace not in self.namespaces:
            return False
        return not self.resources or any(_resource_matches(r, info) for r in self.resources)


def _url_matches(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def _resource_matches(wanted: Resources, info: RequestInfo) -> bool:
    group, resources, names = wanted
    if group != info.group:
        return False
    if not resources:
        return True
    own = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    for pattern in resources:
        resource, slash, sub = pattern.partition("/")
        if pattern == "*":
            return True
        if pattern == own or (
            slash and info.subresource and resource in ("*", info.resource) and sub in ("*", info.subresource)
        ):
            return not names or info.name in names
    return False


class Policy:
    """The rules of a file."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._never = frozenset(_stages(document.get("omitStages")))
        omit = bool(document.get("omitManagedFields"))
        self._rules = [_rule(rule, self._never, omit) for rule in document.get("rules") or ()]
        if not self._rules:
            raise ValueError("an audit policy must have at least one rule")
        self._nothing = Decision(0, frozenset(STAGES), False)

    @classmethod
    def load(cls, path: Path) -> Policy:
        """Read a file. Raises OSError, or ValueError saying what is wrong."""
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ValueError(f"{path}: {error}") from None
        wanted = ("audit.k8s.io/v1", "Policy")
        if not isinstance(document, dict) or (document.get("apiVersion"), document.get("kind")) != wanted:
            raise ValueError(f"{path}: no Policy of audit.k8s.io/v1")
        try:
            return cls(document)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def decide(self, info: RequestInfo, user: User) -> Decision:
        """Of the first rule that matches; nothing is written about what none is about."""
        for rule in self._rules:
            if rule.matches(info, user):
                return rule.decision
        return self._nothing


def _stages(names: Any) -> list[str]:
    for name in names or ():
        if name not in STAGES:
            raise ValueError(f"omitStages: {name!r} is none of {', '.join(STAGES)}")
    return list(names or ())


def _rule(rule: dict[str, Any], never: frozenset[str], omit_managed_fields: bool) -> Rule:
    level = rule.get("level")
    if level not in LEVELS:
        raise ValueError(f"level: {level!r} is none of {', '.join(LEVELS)}")
    omit = rule.get("omitManagedFields")
    urls = tuple(rule.get("nonResourceURLs") or ())
    if urls and (rule.get("resources") or rule.get("namespaces")):
        raise ValueError("a rule is about resources or nonResourceURLs, not both")
    return Rule(
        Decision(
            LEVELS.index(level),
            never | frozenset(_stages(rule.get("omitStages"))),
            omit_managed_fields if omit is None else bool(omit),
        ),
        frozenset(rule.get("users") or ()),
        frozenset(rule.get("userGroups") or ()),
        frozenset(rule.get("verbs") or ()),
        frozenset(rule.get("namespaces") or ()),
        tuple(
            (r.get("group") or "", tuple(r.get("resources") or ()), frozenset(r.get("resourceNames") or ()))
            for r in rule.get("resources") or ()
        ),
        urls,
    )
