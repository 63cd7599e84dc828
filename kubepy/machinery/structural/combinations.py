"""allOf, anyOf, oneOf, not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubepy.machinery import field_errors
from kubepy.machinery.structural.problems import NONE, Problem, Problems

Schema = dict[str, Any]
Simple = Callable[[Any], Problems]


def compile(schema: Schema, sub: Callable[[Schema], Simple]) -> list[Simple]:
    """The checks of a schema's combinations; `sub` compiles their parts."""
    checks: list[Simple] = []
    if schema.get("anyOf"):
        checks.append(_any_of([sub(part) for part in schema["anyOf"]]))
    if schema.get("oneOf"):
        checks.append(_one_of([sub(part) for part in schema["oneOf"]]))
    if schema.get("allOf"):
        checks.append(_all_of([sub(part) for part in schema["allOf"]]))
    if schema.get("not"):
        checks.append(_not(sub(schema["not"])))
    return checks


def _broken(sentence: str) -> Problem:
    return Problem("", lambda path: field_errors.invalid_value(path, "", f'"{path}" {sentence}'))


def _any_of(parts: list[Simple]) -> Simple:
    def check(value: Any) -> Problems:
        best: Problems | None = None
        for part in parts:
            problems = part(value)
            if not problems:
                return NONE
            if best is None or len(problems) < len(best):
                best = problems
        return [_broken("must validate at least one schema (anyOf)"), *(best or [])]

    return check


def _one_of(parts: list[Simple]) -> Simple:
    def check(value: Any) -> Problems:
        best: Problems | None = None
        valid = 0
        for part in parts:
            problems = part(value)
            if not problems:
                valid += 1
            elif best is None or len(problems) < len(best):
                best = problems
        if valid == 1:
            return NONE
        if valid:
            return [
                _broken(f"must validate one and only one schema (oneOf). Found {valid} valid alternatives")
            ]
        return [_broken("must validate one and only one schema (oneOf). Found none valid"), *(best or [])]

    return check


def _all_of(parts: list[Simple]) -> Simple:
    def check(value: Any) -> Problems:
        found = [problem for part in parts for problem in part(value)]
        if not found:
            return NONE
        valid = sum(not part(value) for part in parts)
        detail = ". None validated" if not valid else ""
        return [_broken(f"must validate all the schemas (allOf){detail}"), *found]

    return check


def _not(part: Simple) -> Simple:
    def check(value: Any) -> Problems:
        if part(value):
            return NONE
        return [_broken("must not validate the schema (not)")]

    return check
