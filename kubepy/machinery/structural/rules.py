"""x-kubernetes-validations: CEL rules where the schema has them, run over an object and its old state."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from kubepy.machinery import cel, field_errors
from kubepy.machinery.cel import types
from kubepy.machinery.cel.values import NONE, Optional
from kubepy.machinery.field_errors import Cause
from kubepy.machinery.structural import celtypes
from kubepy.machinery.structural.values import Missing, by_keys, key_of

Schema = dict[str, Any]
_OUT_OF_BUDGET: Final = (
    "validation failed due to running out of cost budget, no further validation rules will be run"
)
_FORMATTED: Final = frozenset("\n\r")


class Exhausted(Exception):
    """The budget of the whole validation is used up."""


class Rule:
    """One rule, compiled. Raises cel.CompileError."""

    def __init__(self, rule: Schema, schema: Schema, variables: Mapping[str, types.Type]) -> None:
        self.text = str(rule.get("rule") or "").strip()
        self._message = str(rule.get("message") or "").strip()
        self._reason = rule.get("reason") or "FieldValueInvalid"
        self._field_path = str(rule.get("fieldPath") or "")
        self._type = str(schema.get("type") or "any")
        self._program = cel.compile(self.text, variables)
        if self._program.type not in (types.BOOL, types.DYN):
            raise cel.CompileError("must evaluate to a bool")
        expression = rule.get("messageExpression")
        self._explain = cel.compile(expression, variables) if expression else None
        self.optional_old = bool(rule.get("optionalOldSelf"))
        self.transition = "oldSelf" in self._program.references

    def estimated_cost(self) -> int:
        """What one run may cost."""
        return self._program.estimated_cost()

    def run(self, value: Any, old: Any, path: str, total: cel.Budget, causes: list[Cause]) -> None:
        """Check the value; raises Exhausted."""
        bindings = {"self": value}
        if self.optional_old:
            bindings["oldSelf"] = NONE if old is Missing else Optional(old)
        elif old is not Missing:
            bindings["oldSelf"] = old
        budget = cel.Budget(min(cel.PER_CALL_LIMIT, total.remaining))
        try:
            kept = self._program.evaluate(bindings, budget)
        except cel.CostExceeded:
            if budget.limit < cel.PER_CALL_LIMIT:
                causes.append(self._cause(path, _OUT_OF_BUDGET, "FieldValueInvalid"))
                raise Exhausted from None
            detail = (
                "no further validation rules will be run due to call cost exceeds limit for rule:"
                f" {self._shown}"
            )
            causes.append(self._cause(path, detail, "FieldValueInvalid"))
            raise Exhausted from None
        except cel.EvaluationError as error:
            detail = f"{error} evaluating rule: {self._shown}"
            causes.append(self._cause(path, detail, "FieldValueInvalid"))
            return
        finally:
            total.remaining -= budget.spent
        if kept is not True:
            detail = self._explained(bindings) or self._message or f"failed rule: {self.text}"
            causes.append(self._cause(f"{path}{self._field_path}".removeprefix("."), detail, self._reason))

    @property
    def _shown(self) -> str:
        return self._message or self.text

    def _explained(self, bindings: Mapping[str, Any]) -> str:
        if self._explain is None:
            return ""
        try:
            made = self._explain.evaluate(bindings)
        except cel.EvaluationError:
            return ""  # as documented: the message is used instead
        return made.strip() if isinstance(made, str) and not _FORMATTED & set(made.strip()) else ""

    def _cause(self, path: str, detail: str, reason: str) -> Cause:
        match reason:
            case "FieldValueForbidden":
                return field_errors.forbidden_field(path, detail)
            case "FieldValueRequired":
                return field_errors.required(path, detail)
            case "FieldValueDuplicate":
                return field_errors.duplicate(path, self._type)
        return field_errors.invalid_value(path, self._type, detail)


Run = Callable[[Any, Any, str, cel.Budget, list[Cause]], None]
"""(value, old or Missing, path, budget, causes)"""


_STEP = re.compile(r"\.([^.\[\]]+)|\['([^']*)'\]")


def path_names(text: str) -> list[str] | None:
    """The field names of a fieldPath: ".spec.x", ".list['a.b']"; None when it is not one."""
    names, position = [], 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            return None
        names.append(match[1] or match[2])
        position = match.end()
    return names


def variables(schema: Schema, rule: Schema, *, root: bool) -> dict[str, types.Type]:
    """The variables of a rule at a schema node."""
    own = celtypes.convert(schema, root=root)
    old = types.optional_of(own) if rule.get("optionalOldSelf") else own
    return {"self": own, "oldSelf": old}


def compile(schema: Schema, *, root: bool = False, comparable: bool = True) -> Run | None:
    """The runner of all rules at and below a node; None when there are none.

    `comparable` is False below lists whose items have no identity: there, rules about oldSelf never run.
    """
    own = []
    for rule in schema.get("x-kubernetes-validations") or ():
        try:
            own.append(Rule(rule, schema, variables(schema, rule, root=root)))
        except cel.CompileError:
            continue  # a definition that was stored before rules were checked; new ones are refused
    deeper = _children(schema, comparable)
    if not own and deeper is None:
        return None

    def run(value: Any, old: Any, path: str, budget: cel.Budget, causes: list[Cause]) -> None:
        if value is None:
            return
        if own:
            same = old is not Missing and value == old
            for rule in own:
                if rule.transition:
                    if old is Missing and not rule.optional_old:
                        continue
                elif same:
                    continue
                rule.run(value, old, path, budget, causes)
        if deeper is not None:
            deeper(value, old, path, budget, causes)

    return run


def _children(schema: Schema, comparable: bool) -> Run | None:
    items, additional = schema.get("items"), schema.get("additionalProperties")
    if isinstance(items, dict):
        return _items(schema, items, comparable)
    if isinstance(additional, dict):
        return _entries(additional, comparable)
    inner: dict[str, Run] = {}
    for name, each in (schema.get("properties") or {}).items():
        found = compile(each, comparable=comparable)
        if found is not None:
            inner[name] = found
    return _fields(inner) if inner else None


def _fields(inner: dict[str, Run]) -> Run:
    def run(value: Any, old: Any, path: str, budget: cel.Budget, causes: list[Cause]) -> None:
        if value.__class__ is not dict:
            return
        before = old if old.__class__ is dict else {}
        for name, check in inner.items():
            if name in value:
                check(
                    value[name], before.get(name, Missing), f"{path}.{name}" if path else name, budget, causes
                )

    return run


def _entries(additional: Schema, comparable: bool) -> Run | None:
    check = compile(additional, comparable=comparable)
    if check is None:
        return None

    def run(value: Any, old: Any, path: str, budget: cel.Budget, causes: list[Cause]) -> None:
        if value.__class__ is not dict:
            return
        before = old if old.__class__ is dict else {}
        for key, each in value.items():
            check(each, before.get(key, Missing), f"{path}[{key}]", budget, causes)

    return run


def _items(schema: Schema, items: Schema, comparable: bool) -> Run | None:
    named = schema.get("x-kubernetes-list-type") == "map" and comparable
    names = schema.get("x-kubernetes-list-map-keys") or []
    check = compile(items, comparable=named)
    if check is None:
        return None

    def run(value: Any, old: Any, path: str, budget: cel.Budget, causes: list[Cause]) -> None:
        if value.__class__ is not list:
            return
        before = by_keys(old, names) if named and old.__class__ is list else {}
        for index, item in enumerate(value):
            former = before.get(key_of(item, names), Missing) if before else Missing
            check(item, former, f"{path}[{index}]", budget, causes)

    return run
