"""Rules of a Job's spec: completions, indexes, policies of failure and success."""

from __future__ import annotations

import re
from typing import Any

from kubepy.api.validation.formats import domain_prefixed_path, qualified_name
from kubepy.api.validation.pod_spec import validate_template
from kubepy.api.validation.rules import non_negative
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    invalid_value,
    not_supported,
    required,
    too_long,
    too_many,
)
from kubepy.machinery.meta import Obj

_MAX_PARALLELISM = 100000
_MAX_FAILED_INDEXES = 100000
_LARGE_COMPLETIONS = 100000
_MAX_FAILED_OF_LARGE = 10000
_MAX_MANAGED_BY = 63
_MAX_RULES = 20
_MAX_EXIT_CODES = 255
_MAX_CONDITIONS = 20
_MAX_INDEXES_BYTES = 64 * 1024
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_REPLACEMENT = ("Failed", "TerminatingOrFailed")
_CONDITION_STATUSES = ("False", "True", "Unknown")


def validate_job_spec(spec: Obj, path: str, *, check_template: bool = True) -> list[Cause]:
    """Check the spec of a Job, or of a CronJob's template."""
    causes: list[Cause] = []
    for field in (
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
    ):
        causes += non_negative(f"{path}.{field}", spec.get(field))
    failed = spec.get("maxFailedIndexes")
    causes += non_negative(f"{path}.maxFailedIndexes", failed)
    per_index = spec.get("backoffLimitPerIndex")
    if failed is not None and per_index is None:
        causes.append(required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    manager = spec.get("managedBy")
    if manager is not None:
        causes += domain_prefixed_path(manager, f"{path}.managedBy")
        if len(manager) > _MAX_MANAGED_BY:
            causes.append(too_long(f"{path}.managedBy", _MAX_MANAGED_BY))
    mode = spec.get("completionMode")
    if mode is not None:
        if mode not in ("NonIndexed", "Indexed"):
            causes.append(not_supported(f"{path}.completionMode", mode, ("Indexed", "NonIndexed")))
        if mode == "Indexed":
            causes += _indexed(spec, path)
    if mode != "Indexed":
        detail = "requires indexed completion mode"
        causes += [
            invalid_value(f"{path}.{field}", spec[field], detail)
            for field in ("backoffLimitPerIndex", "maxFailedIndexes")
            if field in spec
        ]
    if "podFailurePolicy" in spec:
        causes += _failure_policy(spec, f"{path}.podFailurePolicy")
    if "successPolicy" in spec:
        if mode != "Indexed":
            detail = "requires indexed completion mode"
            causes.append(invalid_value(f"{path}.successPolicy", spec["successPolicy"], detail))
        else:
            causes += _success_policy(spec, f"{path}.successPolicy")
    causes += _replacement_policy(spec, path)
    if check_template:
        causes += validate_template(spec.get("template") or {}, f"{path}.template")
    return causes + _restart_policy(spec, f"{path}.template.spec.restartPolicy")


def _indexed(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    completions, parallelism = spec.get("completions"), spec.get("parallelism")
    if completions is None:
        causes.append(required(f"{path}.completions", "when completion mode is Indexed"))
    if parallelism is not None and parallelism > _MAX_PARALLELISM:
        detail = f"must be less than or equal to {_MAX_PARALLELISM} when completion mode is Indexed"
        causes.append(invalid_value(f"{path}.parallelism", parallelism, detail))
    failed = spec.get("maxFailedIndexes")
    if completions is not None and failed is not None and failed > completions:
        causes.append(
            invalid_value(f"{path}.maxFailedIndexes", failed, "must be less than or equal to completions")
        )
    if failed is not None and failed > _MAX_FAILED_INDEXES:
        detail = f"must be less than or equal to {_MAX_FAILED_INDEXES}"
        causes.append(invalid_value(f"{path}.maxFailedIndexes", failed, detail))
    if (completions or 0) > _LARGE_COMPLETIONS and spec.get("backoffLimitPerIndex") is not None:
        if failed is None:
            detail = f"must be specified when completions is above {_LARGE_COMPLETIONS}"
            causes.append(required(f"{path}.maxFailedIndexes", detail))
        if (parallelism or 0) > _MAX_FAILED_OF_LARGE:
            detail = (
                f"must be less than or equal to {_MAX_FAILED_OF_LARGE} when completions are above "
                f"{_LARGE_COMPLETIONS} and used with backoff limit per index"
            )
            causes.append(invalid_value(f"{path}.parallelism", parallelism, detail))
        if (failed or 0) > _MAX_FAILED_OF_LARGE:
            detail = (
                f"must be less than or equal to {_MAX_FAILED_OF_LARGE} when completions are above "
                f"{_LARGE_COMPLETIONS} and used with backoff limit per index"
            )
            causes.append(invalid_value(f"{path}.maxFailedIndexes", failed, detail))
    return causes


def _restart_policy(spec: Obj, path: str) -> list[Cause]:
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy") or ""
    if policy == "Always":
        return [required(path, 'valid values: "OnFailure", "Never"')]
    if policy not in ("OnFailure", "Never"):
        return [not_supported(path, policy, ("OnFailure", "Never"))]
    if "podFailurePolicy" in spec and policy != "Never":
        return [invalid_value(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    return []


def _replacement_policy(spec: Obj, path: str) -> list[Cause]:
    policy = spec.get("podReplacementPolicy")
    at = f"{path}.podReplacementPolicy"
    if policy is None:
        return []
    if "podFailurePolicy" in spec:
        if policy == "Failed":
            return []
        return [not_supported(at, policy, ("Failed",))]
    return [] if policy in _REPLACEMENT else [not_supported(at, policy, _REPLACEMENT)]


def _failure_policy(spec: Obj, path: str) -> list[Cause]:
    rules = spec["podFailurePolicy"].get("rules") or []
    if len(rules) > _MAX_RULES:
        return [too_many(f"{path}.rules", len(rules), _MAX_RULES)]
    pod_spec = (spec.get("template") or {}).get("spec") or {}
    containers = {
        container.get("name")
        for field in ("containers", "initContainers")
        for container in pod_spec.get(field) or ()
    }
    causes: list[Cause] = []
    for index, rule in enumerate(rules):
        causes += _failure_rule(rule, f"{path}.rules[{index}]", containers, spec)
    return causes


def _failure_rule(rule: Obj, path: str, containers: set[Any], spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    action = rule.get("action") or ""
    if not action:
        causes.append(required(f"{path}.action", f"valid values: {_listed(_ACTIONS)}"))
    elif action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        detail = "requires the backoffLimitPerIndex to be set"
        causes.append(invalid_value(f"{path}.action", action, detail))
    elif action not in _ACTIONS:
        causes.append(not_supported(f"{path}.action", action, _ACTIONS))
    codes = rule.get("onExitCodes")
    conditions = rule.get("onPodConditions") or []
    if codes is not None:
        causes += _exit_codes(codes, f"{path}.onExitCodes", containers)
    if len(conditions) > _MAX_CONDITIONS:
        causes.append(too_many(f"{path}.onPodConditions", len(conditions), _MAX_CONDITIONS))
    else:
        for index, condition in enumerate(conditions):
            at = f"{path}.onPodConditions[{index}]"
            causes += qualified_name(condition.get("type") or "", f"{at}.type")
            status = condition.get("status") or ""
            if not status:
                causes.append(required(f"{at}.status", f"valid values: {_listed(_CONDITION_STATUSES)}"))
            elif status not in _CONDITION_STATUSES:
                causes.append(not_supported(f"{at}.status", status, _CONDITION_STATUSES))
    if codes is not None and conditions:
        detail = "specifying both OnExitCodes and OnPodConditions is not supported"
        causes.append(invalid_value(path, rule, detail))
    if codes is None and not conditions:
        detail = "specifying one of OnExitCodes and OnPodConditions is required"
        causes.append(invalid_value(path, rule, detail))
    return causes


def _exit_codes(codes: Obj, path: str, containers: set[Any]) -> list[Cause]:
    causes: list[Cause] = []
    operator, values = codes.get("operator") or "", codes.get("values") or []
    if not operator:
        causes.append(required(f"{path}.operator", f"valid values: {_listed(_OPERATORS)}"))
    elif operator not in _OPERATORS:
        causes.append(not_supported(f"{path}.operator", operator, _OPERATORS))
    name = codes.get("containerName")
    if name is not None and name not in containers:
        detail = "must be one of the container or initContainer names in the pod template"
        causes.append(invalid_value(f"{path}.containerName", name, detail))
    at = f"{path}.values"
    if not values:
        causes.append(invalid_value(at, values, "at least one value is required"))
    elif len(values) > _MAX_EXIT_CODES:
        causes.append(too_many(at, len(values), _MAX_EXIT_CODES))
    ordered = True
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            causes.append(invalid_value(f"{at}[{index}]", value, "must not be 0 for the In operator"))
        if value in values[:index]:
            causes.append(duplicate(f"{at}[{index}]", value))
        ordered = ordered and (index == 0 or values[index - 1] <= value)
    if not ordered:
        causes.append(invalid_value(at, values, "must be ordered"))
    return causes


def _success_policy(spec: Obj, path: str) -> list[Cause]:
    rules = spec["successPolicy"].get("rules") or []
    causes: list[Cause] = []
    if not rules:
        causes.append(
            required(
                f"{path}.rules", "at least one rules must be specified when the successPolicy is specified"
            )
        )
    elif len(rules) > _MAX_RULES:
        causes.append(too_many(f"{path}.rules", len(rules), _MAX_RULES))
    completions = spec.get("completions") or 0
    for index, rule in enumerate(rules):
        at = f"{path}.rules[{index}]"
        count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
        if count is None and indexes is None:
            detail = "at least one of succeededCount or succeededIndexes must be specified"
            causes.append(required(at, detail))
        total = 0
        if indexes is not None:
            where = f"{at}.succeededIndexes"
            if len(indexes) > _MAX_INDEXES_BYTES:
                causes.append(too_long(where, _MAX_INDEXES_BYTES))
            total, error = _count_indexes(indexes, completions)
            if error:
                causes.append(invalid_value(where, indexes, f"error parsing succeededIndexes: {error}"))
        if count is not None:
            where = f"{at}.succeededCount"
            causes += non_negative(where, count)
            if count > completions:
                detail = f"must be less than or equal to {completions} (the number of specified completions)"
                causes.append(invalid_value(where, count, detail))
            if indexes is not None and count > total:
                detail = (
                    f"must be less than or equal to {total} (the number of indexes in the specified "
                    "succeededIndexes field)"
                )
                causes.append(invalid_value(where, count, detail))
    return causes


def _count_indexes(text: str, completions: int) -> tuple[int, str]:
    """How many indexes "1,3-5" names, and what is wrong with it."""
    if not text:
        return 0, ""
    total, last = 0, -1
    for interval in text.split(","):
        ends = interval.split("-")
        if len(ends) > 2:
            detail = "that an index interval can have at most two parts separated by '-'"
            return 0, f'the fragment "{interval}" violates the requirement {detail}'
        numbers: list[int] = []
        for end in ends:
            if not re.fullmatch(r"[0-9]+", end):
                return 0, f'cannot convert string to integer for index: "{end}"'
            numbers.append(int(end))
        if numbers[0] <= last:
            return 0, f"non-increasing order, previous: {last}, current: {numbers[0]}"
        for number in numbers:
            if number >= completions:
                return 0, f'too large index: "{number}"'
        if len(numbers) == 2 and numbers[0] >= numbers[1]:
            return 0, f"non-increasing order, previous: {numbers[0]}, current: {numbers[1]}"
        last = numbers[-1]
        total += numbers[-1] - numbers[0] + 1
    return total, ""


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def indexed_pod_name(job: Obj, path: str = "metadata.name") -> list[Cause]:
    """The pods of an indexed Job are named after their index: that name must fit a label."""
    spec = job.get("spec") or {}
    completions = spec.get("completions") or 0
    if spec.get("completionMode") != "Indexed" or completions <= 0:
        return []
    name = job["metadata"].get("name") or ""
    longest = f"{name}-{completions - 1}"
    return [
        invalid_value(path, name, f"will not able to create pod with invalid DNS label: {longest}")
        for message in names.dns_label(longest)
    ]
