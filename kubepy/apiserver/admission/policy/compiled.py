"""Policies and bindings, compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubepy.api.validation.admission_environment import policy_types, with_variables
from kubepy.apiserver.admission.expressions import Expression, ExpressionError, MatchConditions
from kubepy.apiserver.admission.matching import Constraints
from kubepy.machinery import cel
from kubepy.machinery.cel.types import Type
from kubepy.machinery.gvk import GVK, parse_api_version
from kubepy.machinery.meta import Obj


class Variables(Mapping[str, Any]):
    """`variables`: each is evaluated when an expression first asks for it."""

    def __init__(self, expressions: Mapping[str, Expression], bindings: dict[str, Any], budget: cel.Budget):
        self._expressions = expressions
        self._bindings = bindings
        self._budget = budget
        self._values: dict[str, Any] = {}
        self._failures: dict[str, ExpressionError] = {}
        bindings["variables"] = self

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        try:
            if name in self._failures:
                raise self._failures[name]
            value = self._values[name] = self._expressions[name].evaluate(self._bindings, self._budget)
        except ExpressionError as error:
            self._failures[name] = error
            words = f"composited variable {name!r} fails to evaluate: {error}".replace("'", '"', 2)
            raise cel.EvaluationError(words) from None
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._expressions

    def __iter__(self) -> Iterator[str]:
        return iter(self._expressions)

    def __len__(self) -> int:
        return len(self._expressions)


def environment(spec: Obj) -> tuple[dict[str, Type], dict[str, Expression]]:
    """The variables of a policy's expressions, and its own ones compiled, each over those before."""
    types = policy_types(spec)
    known: list[tuple[str, Type]] = []
    compiled: dict[str, Expression] = {}
    for variable in spec.get("variables") or ():
        name = variable.get("name") or ""
        made = compiled[name] = Expression(variable.get("expression") or "", with_variables(types, known))
        known.append((name, made.type))
    return with_variables(types, known), compiled


@dataclass(frozen=True, slots=True)
class Validation:
    """One of `validations`."""

    expression: Expression
    message: str
    message_expression: Expression | None
    reason: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """One of `mutations`."""

    patch_type: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Policy:
    """A ValidatingAdmissionPolicy or MutatingAdmissionPolicy."""

    name: str
    constraints: Constraints
    ignores_failures: bool
    param_kind: GVK | None
    conditions: MatchConditions | None
    variables: Mapping[str, Expression]
    validations: tuple[Validation, ...] = ()
    audit_annotations: tuple[tuple[str, Expression], ...] = ()
    mutations: tuple[Mutation, ...] = ()
    reinvoked: bool = False

    @property
    def id(self) -> tuple[str, ...]:
        """For reinvocation; a policy is asked again with all its bindings."""
        return (self.name,)


def compile_policy(policy: Obj) -> Iterator[Policy]:
    """The policy (as the only one of its object)."""
    spec = policy.get("spec") or {}
    types, variables = environment(spec)
    kind = spec.get("paramKind")
    ignores = spec.get("failurePolicy") == "Ignore"
    conditions = spec.get("matchConditions") or ()
    before_variables = {name: type_ for name, type_ in types.items() if name != "variables"}

    def expression(text: str | None) -> Expression:
        return Expression(text or "", types)

    yield Policy(
        name=policy["metadata"]["name"],
        constraints=Constraints.of(spec.get("matchConstraints") or {}, "resourceRules"),
        ignores_failures=ignores,
        param_kind=None
        if kind is None
        else GVK(*parse_api_version(kind.get("apiVersion") or ""), kind.get("kind") or ""),
        conditions=MatchConditions(conditions, ignore_errors=ignores, variables=before_variables)
        if conditions
        else None,
        variables=variables,
        validations=tuple(
            Validation(
                expression(v.get("expression")),
                v.get("message") or "",
                expression(v["messageExpression"]) if v.get("messageExpression") else None,
                v.get("reason") or "",
            )
            for v in spec.get("validations") or ()
        ),
        audit_annotations=tuple(
            (a.get("key") or "", expression(a.get("valueExpression")))
            for a in spec.get("auditAnnotations") or ()
        ),
        mutations=tuple(
            Mutation(
                m.get("patchType") or "",
                expression((m.get("jsonPatch") or m.get("applyConfiguration") or {}).get("expression")),
            )
            for m in spec.get("mutations") or ()
        ),
        reinvoked=spec.get("reinvocationPolicy") == "IfNeeded",
    )


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding of either kind."""

    name: str
    policy: str
    constraints: Constraints | None
    param_ref: Obj | None
    actions: frozenset[str] = field(default_factory=frozenset)


def compile_binding(binding: Obj) -> Binding:
    """A binding's object."""
    spec = binding.get("spec") or {}
    resources = spec.get("matchResources")
    return Binding(
        binding["metadata"]["name"],
        spec.get("policyName") or "",
        None if resources is None else Constraints.of(resources, "resourceRules"),
        spec.get("paramRef"),
        frozenset(spec.get("validationActions") or ()),
    )
