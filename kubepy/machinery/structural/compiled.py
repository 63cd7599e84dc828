"""A structural schema, compiled once: what a version of a custom resource asks it on every request."""

from __future__ import annotations

from typing import Any

from kubepy.machinery import cel
from kubepy.machinery.field_errors import Cause
from kubepy.machinery.meta import Obj
from kubepy.machinery.structural import defaulting, pruning, rules, values
from kubepy.machinery.structural.rules import Exhausted
from kubepy.machinery.structural.values import Missing

_ALWAYS = ("apiVersion", "kind", "metadata")


class Compiled:
    """The functions of a schema. Objects are changed in place."""

    def __init__(self, schema: Obj, *, preserve_unknown_fields: bool = False) -> None:
        root = {**schema, "x-kubernetes-embedded-resource": True}
        properties = {k: v for k, v in (schema.get("properties") or {}).items() if k not in _ALWAYS}
        if properties or "properties" in schema:
            root["properties"] = properties
        self._prune = None if preserve_unknown_fields else pruning.compile(root)
        self._default = defaulting.compile(root)
        status = (schema.get("properties") or {}).get("status")
        self._default_status = (
            None if status is None else defaulting.compile({"properties": {"status": status}})
        )
        checked = {key: value for key, value in root.items() if key != "x-kubernetes-embedded-resource"}
        self._check = values.compile(checked)
        self._rules = rules.compile({**schema, "properties": properties}, root=True)

    def prune(self, obj: Obj) -> list[str]:
        """Drop what the schema does not specify; gives the paths of what was unknown: "spec.x"."""
        unknown: list[str] = []
        if self._prune is not None:
            self._prune(obj, unknown)
        return [path.removeprefix(".") for path in unknown]

    def default(self, obj: Obj) -> None:
        """Fill in the defaults."""
        if self._default is not None:
            self._default(obj)

    def default_status(self, obj: Obj) -> None:
        """Fill in the defaults of the status, and nothing else."""
        if self._default_status is not None:
            self._default_status(obj)

    def validate(self, obj: Obj, old: Obj | None = None) -> list[Cause]:
        """Which rules the object breaks; with `old`, what did not change is not held against it."""
        before: Any = Missing if old is None else old
        causes = [problem.cause() for problem in self._check(obj, before)]
        if self._rules is None:
            return causes
        if any(cause.reason in values.BLOCKING for cause in causes):
            return [*causes, values.UNCHECKED]
        try:
            self._rules(obj, before, "", cel.Budget(cel.PER_VALIDATION_LIMIT), causes)
        except Exhausted:
            return causes
        return causes


def check_value(schema: Obj, value: Any, path: str) -> list[Cause]:
    """Check a value that is no whole object: a default."""
    return [problem.cause(path) for problem in values.compile(schema)(value, Missing)]
