"""What goes wrong with an expression, before and while it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class CompileError(ValueError):
    """The expression is not one; the message is that of cel-go, with the place and a caret under it."""


class EvaluationError(Exception):
    """The expression has no value for these bindings: "no such key: x", "division by zero"."""


class CostExceeded(EvaluationError):
    """The budget is used up."""


class Issue(NamedTuple):
    """One thing wrong at an offset of the source."""

    offset: int
    message: str


def report(source: str, issues: Iterable[Issue]) -> CompileError:
    """Show issues as cel-go does: place, message, the line, a caret."""
    return CompileError("\n".join(_show(source, issue) for issue in sorted(issues)))


def _show(source: str, issue: Issue) -> str:
    before = source[: issue.offset]
    line = before.count("\n") + 1
    column = issue.offset - (before.rfind("\n") + 1)
    text = source.split("\n")[line - 1]
    return f"ERROR: <input>:{line}:{column + 1}: {issue.message}\n | {text}\n | {'.' * column}^"
