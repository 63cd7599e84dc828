"""x-kubernetes-validations of a schema, checked: they compile, and cannot cost too much."""

from __future__ import annotations

from typing import Any, Final

from kubepy.machinery import cel, field_errors
from kubepy.machinery.cel import types
from kubepy.machinery.cel.estimate import MAX_REQUEST_BYTES
from kubepy.machinery.field_errors import Cause
from kubepy.machinery.structural import celtypes, rules

Schema = dict[str, Any]
COST_LIMIT: Final = 10_000_000
TOTAL_COST_LIMIT: Final = 100_000_000
_REASONS = ("FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate")
_ADVICE = (
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and"
    " strings are declared)"
)
_SATURATED = 2**63


def check(schema: Schema, path: str) -> list[Cause]:
    """What is wrong with the rules anywhere in a structural schema."""
    walk = _Walk()
    walk.node(schema, path, 1, "", root=True)
    if walk.total > TOTAL_COST_LIMIT:
        name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        walk.causes.append(field_errors.forbidden_field(path, _exceeds(name, walk.total, TOTAL_COST_LIMIT)))
    return walk.causes


def _exceeds(name: str, cost: int, limit: int) -> str:
    factor = cost / limit
    if factor > 100:
        shown = "more than 100x"
    elif factor < 1.5:
        shown = f"{factor:f}x"
    else:
        shown = f"{factor:.1f}x"
    return f"{name} exceeds budget by factor of {shown} {_ADVICE}"


def _multiplied(times: int | None, most: int | None) -> int | None:
    return None if times is None or most is None else min(times * most, _SATURATED)


class _Walk:
    def __init__(self) -> None:
        self.causes: list[Cause] = []
        self.total = 0

    def node(
        self, schema: Schema, path: str, times: int | None, uncorrelated: str, *, root: bool = False
    ) -> None:
        """`times`: how often the node may occur, None when nothing limits that but the size of a request;
        `uncorrelated`: the list around it whose items have no identity.
        """
        often = times if times is not None else MAX_REQUEST_BYTES // (celtypes.smallest(schema) + 1)
        for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
            at = f"{path}.x-kubernetes-validations[{index}]"
            self._rule(rule, schema, at, often, uncorrelated, root=root)
        for name, each in (schema.get("properties") or {}).items():
            if not (root and name == "metadata"):
                self.node(each, f"{path}.properties[{name}]", times, uncorrelated)
        if isinstance(schema.get("additionalProperties"), dict):
            inner = _multiplied(times, schema.get("maxProperties"))
            self.node(schema["additionalProperties"], f"{path}.additionalProperties", inner, uncorrelated)
        if isinstance(schema.get("items"), dict):
            inner = _multiplied(times, schema.get("maxItems"))
            if schema.get("x-kubernetes-list-type") != "map":
                uncorrelated = uncorrelated or path
            self.node(schema["items"], f"{path}.items", inner, uncorrelated)

    def _invalid(self, path: str, value: Any, detail: str) -> None:
        self.causes.append(field_errors.invalid_value(path, value, detail))

    def _rule(
        self, rule: Schema, schema: Schema, path: str, times: int, uncorrelated: str, *, root: bool
    ) -> None:
        text, message = str(rule.get("rule") or ""), str(rule.get("message") or "")
        if not text.strip():
            self.causes.append(field_errors.required(f"{path}.rule", "rule is not specified"))
            return
        if "\n" in message.strip():
            self._invalid(f"{path}.message", message, "message must not contain line breaks")
        if "\n" in text.strip() and not message and not rule.get("messageExpression"):
            detail = "message must be specified if rule contains line breaks"
            self.causes.append(field_errors.required(f"{path}.message", detail))
        reason = rule.get("reason")
        if reason and reason not in _REASONS:
            self.causes.append(field_errors.not_supported(f"{path}.reason", reason, _REASONS))
        variables = rules.variables(schema, rule, root=root)
        program = self._compile(text.strip(), variables, f"{path}.rule", "compilation failed")
        if program is None:
            return
        if program.type not in (types.BOOL, types.DYN):
            self._invalid(f"{path}.rule", text, "cel expression must evaluate to a bool")
        if "oldSelf" in program.references and uncorrelated:
            detail = (
                f"oldSelf cannot be used on the uncorrelatable portion of the schema within {uncorrelated}"
            )
            self._invalid(f"{path}.rule", text, detail)
        self._cost(program, times, f"{path}.rule", "estimated rule cost")
        self._message(rule, variables, path, times)
        self._field_path(rule, schema, path)

    def _message(self, rule: Schema, variables: dict[str, types.Type], path: str, times: int) -> None:
        expression = rule.get("messageExpression")
        if not expression:
            return
        at = f"{path}.messageExpression"
        made = self._compile(expression, variables, at, "messageExpression compilation failed")
        if made is None:
            return
        if made.type not in (types.STRING, types.DYN):
            self._invalid(at, expression, "messageExpression must evaluate to a string")
        self._cost(made, times, at, "estimated messageExpression cost")

    def _compile(
        self, text: str, variables: dict[str, types.Type], path: str, failure: str
    ) -> cel.Program | None:
        try:
            return cel.compile(text, variables)
        except cel.CompileError as error:
            self._invalid(path, text, f"{failure}: {error}")
            return None

    def _cost(self, program: cel.Program, times: int, path: str, name: str) -> None:
        cost = min(program.estimated_cost() * times, _SATURATED)
        self.total += cost
        if cost > COST_LIMIT:
            self.causes.append(field_errors.forbidden_field(path, _exceeds(name, cost, COST_LIMIT)))

    def _field_path(self, rule: Schema, schema: Schema, path: str) -> None:
        text = str(rule.get("fieldPath") or "")
        if not text:
            return
        node: Any = schema
        for name in rules.path_names(text) or [""]:
            node = (node.get("properties") or {}).get(name) or node.get("additionalProperties")
            if not isinstance(node, dict):
                detail = "fieldPath must be a valid path: does not refer to a valid field"
                self._invalid(f"{path}.fieldPath", text, detail)
                return
