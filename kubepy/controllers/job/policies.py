"""podFailurePolicy: what a failed pod means; successPolicy: which successes are enough. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kubepy.controllers.job.indexes import parse_ranges
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj


class Match(NamedTuple):
    """What podFailurePolicy says of a failed pod: ``action`` "" when no rule matches."""

    action: str = ""
    message: str = ""

    @property
    def counts(self) -> bool:
        """Whether the failure counts towards backoffLimit."""
        return self.action != "Ignore"


def match_failure(spec: Obj, pod: Obj) -> Match:
    """The first rule of the Job's podFailurePolicy that matches."""
    rules = (spec.get("podFailurePolicy") or {}).get("rules") or ()
    for number, rule in enumerate(rules):
        action = rule["action"]
        if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
            continue
        why = _by_exit_code(rule.get("onExitCodes"), pod) or _by_condition(
            rule.get("onPodConditions") or (), pod
        )
        if why:
            return Match(action, f"{why} matching {action} rule at index {number}")
    return Match()


def _by_exit_code(requirement: Obj | None, pod: Obj) -> str:
    if not requirement:
        return ""
    for name, code in _failures(pod):
        if requirement.get("containerName") not in (None, name):
            continue
        if (code in requirement["values"]) == (requirement["operator"] == "In"):
            return f"Container {name} for pod {meta.key(pod)} failed with exit code {code}"
    return ""


def _failures(pod: Obj) -> Iterator[tuple[str, int]]:
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for container in status.get(field) or ():
            code = ((container.get("state") or {}).get("terminated") or {}).get("exitCode", 0)
            if code:
                yield container["name"], code


def _by_condition(patterns: list[Obj] | tuple[()], pod: Obj) -> str:
    for pattern in patterns:
        found = conditions.get(pod, pattern["type"])
        if found is not None and found.get("status") == pattern.get("status", "True"):
            return f"Pod {meta.key(pod)} has condition {pattern['type']}"
    return ""


def success_message(spec: Obj, succeeded: set[int]) -> str:
    """Which successPolicy rule these indexes satisfy; "" when none."""
    completions = spec.get("completions") or 0
    for number, rule in enumerate((spec.get("successPolicy") or {}).get("rules") or ()):
        listed = rule.get("succeededIndexes")
        eligible = parse_ranges(listed, completions) if listed is not None else set(range(completions))
        count = rule.get("succeededCount")
        needed = len(eligible) if count is None else count
        if len(eligible & succeeded) >= needed:
            return f"Matched rules at index {number}"
    return ""
