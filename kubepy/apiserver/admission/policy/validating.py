"""ValidatingAdmissionPolicy."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import orjson

from kubepy.api.resources import Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.admission.expressions import OUT_OF_BUDGET, Expression, ExpressionError
from kubepy.apiserver.admission.policy.compiled import Policy, Validation
from kubepy.apiserver.admission.policy.dispatch import Dispatcher, Invocation
from kubepy.machinery import cel, errors

_CODES = {"Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413, "Invalid": 422}
_LONGEST_MESSAGE = 5 * 1024
_LONGEST_ANNOTATION = 10 * 1024
_FAILURE_KEY = "validation.policy.admission.k8s.io/validation_failure"


class Denial(NamedTuple):
    """A rule that does not hold, or that cannot be evaluated."""

    message: str
    reason: str = ""
    position: int = 0


class ValidatingPolicies(Plugin):
    """Refuses, warns and audits."""

    operations = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def handles(self, attributes: Attributes) -> bool:
        """Nothing while there is no policy."""
        return self._dispatcher.active

    async def validate(self, attributes: Attributes) -> None:
        """Evaluate all policies; of several denials the first is told."""
        invocations = await self._dispatcher.invocations(attributes)
        if not invocations:
            return
        known: dict[Resource, dict[str, Any]] = {}
        denials: list[tuple[Invocation, Denial]] = []
        audited: list[dict[str, Any]] = []
        annotations: dict[str, list[str]] = defaultdict(list)
        for invocation in invocations:
            if invocation.problem:
                if not invocation.policy.ignores_failures:
                    denials.append((invocation, Denial(invocation.problem)))
                continue
            found = await self._evaluate(invocation, attributes, known, annotations)
            for denial in found:
                self._act(invocation, denial, attributes, denials, audited)
        if audited:
            attributes.annotate(_FAILURE_KEY, orjson.dumps(audited).decode())
        for key, values in annotations.items():
            attributes.annotate(key, ", ".join(dict.fromkeys(values))[:_LONGEST_ANNOTATION])
        if denials:
            raise _refusal(attributes, *denials[0])

    @staticmethod
    def _act(
        invocation: Invocation,
        denial: Denial,
        attributes: Attributes,
        denials: list[tuple[Invocation, Denial]],
        audited: list[dict[str, Any]],
    ) -> None:
        policy, binding = invocation.policy, invocation.binding
        assert binding is not None
        if "Deny" in binding.actions:
            denials.append((invocation, denial))
        if "Warn" in binding.actions:
            attributes.warn(
                f"Validation failed for ValidatingAdmissionPolicy '{policy.name}' with binding "
                f"'{binding.name}': {denial.message}"
            )
        if "Audit" in binding.actions:
            audited.append(
                {
                    "message": denial.message,
                    "policy": policy.name,
                    "binding": binding.name,
                    "expressionIndex": denial.position,
                    "validationActions": sorted(binding.actions),
                }
            )

    async def _evaluate(
        self,
        invocation: Invocation,
        attributes: Attributes,
        known: dict[Resource, dict[str, Any]],
        annotations: dict[str, list[str]],
    ) -> list[Denial]:
        policy = invocation.policy
        variables, budget = await self._dispatcher.variables(invocation, attributes, known)
        try:
            if policy.conditions is not None and not policy.conditions.evaluate(variables, budget):
                return []
        except ExpressionError as error:
            return [] if policy.ignores_failures else [Denial(str(error))]
        denials: list[Denial] = []
        try:
            for position, validation in enumerate(policy.validations):
                denial = _check(validation, variables, budget, position)
                # One without a reason could not be evaluated: the failure policy decides.
                if denial is not None and (denial.reason or not policy.ignores_failures):
                    denials.append(denial)
            for key, expression in policy.audit_annotations:
                _annotate(policy, key, expression, variables, budget, annotations, denials)
        except cel.CostExceeded:
            if not policy.ignores_failures:
                denials.append(Denial(OUT_OF_BUDGET))
        return denials


def _check(
    validation: Validation, variables: dict[str, Any], budget: cel.Budget, position: int
) -> Denial | None:
    try:
        if validation.expression.evaluate(variables, budget) is True:
            return None
    except ExpressionError as error:
        return Denial(str(error), "", position)
    message = ""
    if validation.message_expression is not None:
        message = _said(validation.message_expression, variables, budget)
    message = message or validation.message.strip()
    message = message or f"failed expression: {validation.expression.text.strip()}"
    return Denial(message, validation.reason or "Invalid", position)


def _said(expression: Expression, variables: dict[str, Any], budget: cel.Budget) -> str:
    """The value of a messageExpression; "" when it has none that will do."""
    try:
        value = expression.evaluate(variables, budget)
    except ExpressionError:
        return ""
    text = value.strip() if isinstance(value, str) else ""
    return "" if "\n" in text or len(text.encode()) > _LONGEST_MESSAGE else text


def _annotate(
    policy: Policy,
    key: str,
    expression: Expression,
    variables: dict[str, Any],
    budget: cel.Budget,
    annotations: dict[str, list[str]],
    denials: list[Denial],
) -> None:
    try:
        value = expression.evaluate(variables, budget)
    except ExpressionError as error:
        if not policy.ignores_failures:
            denials.append(Denial(str(error)))
        return
    if isinstance(value, str) and value.strip():
        annotations[f"{policy.name}/{key}"].append(value.strip())


def _refusal(attributes: Attributes, invocation: Invocation, denial: Denial) -> errors.StatusError:
    where = f" with binding '{invocation.binding.name}'" if invocation.binding is not None else ""
    message = f"ValidatingAdmissionPolicy '{invocation.policy.name}'{where} denied request: {denial.message}"
    error = errors.forbidden(attributes.resource.gr, attributes.name, message)
    reason = denial.reason or "Invalid"
    error.status |= {"reason": reason, "code": _CODES.get(reason, 422)}
    error.status["details"].setdefault("causes", []).append({"message": message})
    return error
