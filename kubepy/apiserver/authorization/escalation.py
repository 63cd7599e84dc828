"""Nobody hands out permissions that he does not hold: what is not covered, and how the 403 says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.authorization.rbac import Rule, url_matches
from kubepy.machinery.field_errors import quote
from kubepy.machinery.meta import Obj

_FIELDS = (
    ("APIGroups", "apiGroups"),
    ("Resources", "resources"),
    ("NonResourceURLs", "nonResourceURLs"),
    ("ResourceNames", "resourceNames"),
    ("Verbs", "verbs"),
)
EVERYTHING: list[Obj] = [
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
]


def uncovered(held: Iterable[Obj], wanted: Iterable[Obj]) -> list[Obj]:
    """The single permissions of `wanted` that no rule of `held` grants, each as a PolicyRule."""
    owned = list(map(Rule.of, held))
    return [
        single
        for rule in wanted
        for single in _singles(rule)
        if not any(_covers(own, single) for own in owned)
    ]


def _singles(rule: Obj) -> Iterator[Obj]:
    verbs, urls = rule.get("verbs") or (), rule.get("nonResourceURLs") or ()
    for group, resource, verb in product(rule.get("apiGroups") or (), rule.get("resources") or (), verbs):
        single = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        names = rule.get("resourceNames") or ()
        for name in names:
            yield {**single, "resourceNames": [name]}
        if not names:
            yield single
    for url, verb in product(urls, verbs):
        yield {"nonResourceURLs": [url], "verbs": [verb]}


def _covers(own: Rule, single: Obj) -> bool:
    if single["verbs"][0] not in own.verbs and "*" not in own.verbs:
        return False
    if "nonResourceURLs" in single:
        return any(url_matches(url, single["nonResourceURLs"][0]) for url in own.urls)
    if single["apiGroups"][0] not in own.groups and "*" not in own.groups:
        return False
    resource = single["resources"][0]
    _, slash, sub = resource.partition("/")
    if not own.resources & {resource, "*"} and not (slash and f"*/{sub}" in own.resources):
        return False
    return not own.names or (single.get("resourceNames") or [""])[0] in own.names


def refusal(user: User, missing: Sequence[Obj]) -> str:
    """The text of the 403."""
    lines = "\n".join(sorted({_compact_string(rule) for rule in _compact(missing)}))
    return (
        f"user {quote(user.name)} (groups={_strings(user.groups)}) is attempting to grant RBAC permissions "
        f"not currently held:\n{lines}"
    )


def _compact(rules: Iterable[Obj]) -> list[Obj]:
    """Put verbs of the same resource together."""
    made: dict[tuple[str, str, tuple[str, ...]], Obj] = {}
    others: list[Obj] = []
    for rule in rules:
        if "nonResourceURLs" in rule:
            others.append(rule)
            continue
        key = rule["apiGroups"][0], rule["resources"][0], tuple(rule.get("resourceNames") or ())
        if key in made:
            made[key]["verbs"] = [*made[key]["verbs"], *rule["verbs"]]
        else:
            made[key] = dict(rule)
    return [*made.values(), *others]


def _compact_string(rule: Obj) -> str:
    parts = [f"{shown}:{_strings(rule[field])}" for shown, field in _FIELDS if rule.get(field)]
    return "{" + ", ".join(parts) + "}"


def _strings(values: Iterable[str]) -> str:
    """A list as Go's %q shows it."""
    return "[" + " ".join(map(quote, values)) + "]"
