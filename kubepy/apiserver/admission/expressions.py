"""CEL in admission: the variables of a write, expressions, matchConditions; failures in Kubernetes' words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from kubepy.api.resources import Resource
from kubepy.api.validation.admission_environment import BASIC
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.request import admission_request
from kubepy.apiserver.authentication.user import service_account_user
from kubepy.apiserver.authorization import attributes as access
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.machinery import cel, errors
from kubepy.machinery.cel.libraries import authorizer as library
from kubepy.machinery.cel.types import DYN, Type
from kubepy.machinery.meta import Obj

Convert = Callable[[Obj, Resource, Resource], Awaitable[Obj]]
"""(object, from, to): the object in another of its versions; the object given is not changed."""

CONDITIONS_BUDGET = 2_500_000
POLICY_BUDGET = 10_000_000
OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"


class Environment:
    """Makes the variables that expressions see of a write."""

    def __init__(self, authorizer: Callable[[], Authorizer], convert: Convert) -> None:
        self._authorizer = authorizer
        self.convert = convert

    async def variables(self, attributes: Attributes, matched: Resource) -> dict[str, Any]:
        """object, oldObject, request and authorizer; objects in the version a rule matched."""
        own = attributes.resource
        objects = [attributes.obj, attributes.old]
        if matched.gvr != own.gvr:
            objects = [
                o if o is None or o.get("kind") != own.kind else await self.convert(o, own, matched)
                for o in objects
            ]
        asked = library.Question(
            attributes.user,
            group=own.gvk.group,
            version=own.gvk.version,
            resource=own.plural,
            subresource=attributes.subresource,
            namespace=attributes.namespace,
            name=attributes.name,
        )
        return {
            "object": objects[0],
            "oldObject": objects[1],
            "request": admission_request(attributes, matched),
            "authorizer": library.Authorizer(attributes.user, self._decide),
            "authorizer.requestResource": library.ResourceCheck(asked, self._decide),
        }

    def _decide(self, question: library.Question) -> library.Decision:
        user = question.user
        if isinstance(user, dict):
            user = service_account_user(*user["serviceAccount"])
        wanted = access.Attributes(
            question.verb,
            question.group,
            question.resource,
            question.subresource,
            question.namespace,
            question.name,
            question.path,
            question.field_selector,
        )
        return library.Decision(*self._authorizer().decide(user, wanted))


class ExpressionError(Exception):
    """An expression failed; str() is what Kubernetes says."""


class Expression:
    """One compiled expression. One that cannot be compiled fails when it is evaluated."""

    def __init__(self, text: str, variables: Mapping[str, Type]) -> None:
        self.text = text
        self._program: cel.Program | None = None
        self.type: Type = DYN
        self.problem = ""
        try:
            self._program = cel.compile(text, variables)
            self.type = self._program.type
        except cel.CompileError as error:
            self.problem = f"compilation error: compilation failed: {error}"

    def evaluate(self, variables: Mapping[str, Any], budget: cel.Budget) -> Any:
        """The value. Raises ExpressionError, and CostExceeded when the budget is used up."""
        if self._program is None:
            raise ExpressionError(self.problem)
        try:
            return self._program.evaluate(variables, budget)
        except cel.CostExceeded:
            raise
        except cel.EvaluationError as error:
            raise ExpressionError(f"expression '{self.text}' resulted in error: {error}") from None


class MatchConditions:
    """matchConditions of a webhook or policy."""

    def __init__(
        self,
        conditions: Sequence[Obj],
        *,
        ignore_errors: bool,
        variables: Mapping[str, Type] = BASIC,
    ) -> None:
        self._ignore_errors = ignore_errors
        self._expressions = [Expression(c.get("expression") or "", variables) for c in conditions]

    def evaluate(self, variables: Mapping[str, Any], budget: cel.Budget) -> bool:
        """True when all hold. Raises ExpressionError when one fails and none is false."""
        problems: list[str] = []
        for expression in self._expressions:
            try:
                if expression.evaluate(variables, budget) is not True:
                    return False
            except ExpressionError as error:
                problems.append(str(error))
            except cel.CostExceeded:
                problems.append(OUT_OF_BUDGET)
                break
        if problems:
            raise ExpressionError(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
        return True

    def match(self, variables: Mapping[str, Any], attributes: Attributes) -> bool:
        """The same for a webhook: when they fail, 403, or False with failurePolicy Ignore."""
        try:
            return self.evaluate(variables, cel.Budget(CONDITIONS_BUDGET))
        except ExpressionError as error:
            if self._ignore_errors:
                return False
            raise errors.forbidden(attributes.resource.gr, attributes.name, str(error)) from None
