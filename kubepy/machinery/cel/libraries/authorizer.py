"""The authorizer: expressions may ask what a user is allowed to do.

The answer comes from a function that whoever evaluates the expression lends (`Decide`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from kubepy.machinery import fields, labels
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import Cost, method
from kubepy.machinery.cel.types import Type

CHECK_COST = 350_000
_DECISION_COST: Cost = lambda sizes: CHECK_COST  # noqa: E731


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the attributes of an imagined request. `path` is set when it is about no resource."""

    user: Any
    verb: str = ""
    path: str = ""
    group: str = ""
    version: str = "*"
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""
    errors: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: allowed, and why; `error` when the authorizer failed."""

    allowed: bool
    reason: str = ""
    error: str = ""
    cel_type: ClassVar = Type("kubernetes.authorization.Decision")


Decide = Callable[[Question], Decision]


@dataclass(frozen=True, slots=True)
class Authorizer:
    """The variable `authorizer`: bind one with the requesting user."""

    user: Any
    decide: Decide
    cel_type: ClassVar = Type("kubernetes.authorization.Authorizer")


@dataclass(frozen=True, slots=True)
class PathCheck:
    """authorizer.path(...)."""

    question: Question
    decide: Decide
    cel_type: ClassVar = Type("kubernetes.authorization.PathCheck")


@dataclass(frozen=True, slots=True)
class GroupCheck:
    """authorizer.group(...)."""

    question: Question
    decide: Decide
    cel_type: ClassVar = Type("kubernetes.authorization.GroupCheck")


@dataclass(frozen=True, slots=True)
class ResourceCheck:
    """authorizer.group(...).resource(...)."""

    question: Question
    decide: Decide
    cel_type: ClassVar = Type("kubernetes.authorization.ResourceCheck")


AUTHORIZER = Authorizer.cel_type
RESOURCE_CHECK = ResourceCheck.cel_type
"""The types to declare the variables `authorizer` and `authorizer.requestResource` with."""

_A, _P, _G, _R, _D = (
    f"kubernetes.authorization.{name}"
    for name in ("Authorizer", "PathCheck", "GroupCheck", "ResourceCheck", "Decision")
)


@method(f"{_A}.path(string) -> {_P}")
def path(authorizer: Authorizer, text: str) -> PathCheck:
    if not text:
        raise EvaluationError("path must not be empty")
    return PathCheck(Question(authorizer.user, path=text), authorizer.decide)


@method(f"{_A}.group(string) -> {_G}")
def group(authorizer: Authorizer, name: str) -> GroupCheck:
    return GroupCheck(Question(authorizer.user, group=name), authorizer.decide)


@method(f"{_A}.serviceAccount(string, string) -> {_A}")
def service_account(authorizer: Authorizer, namespace: str, name: str) -> Authorizer:
    return Authorizer({"serviceAccount": (namespace, name)}, authorizer.decide)


@method(f"{_G}.resource(string) -> {_R}")
def resource(check: GroupCheck, name: str) -> ResourceCheck:
    return ResourceCheck(replace(check.question, resource=name), check.decide)


def _with(check: ResourceCheck, **changes: Any) -> ResourceCheck:
    return ResourceCheck(replace(check.question, **changes), check.decide)


@method(f"{_R}.subresource(string) -> {_R}")
def subresource(check: ResourceCheck, name: str) -> ResourceCheck:
    return _with(check, subresource=name)


@method(f"{_R}.namespace(string) -> {_R}")
def namespace(check: ResourceCheck, name: str) -> ResourceCheck:
    return _with(check, namespace=name)


@method(f"{_R}.name(string) -> {_R}")
def name(check: ResourceCheck, text: str) -> ResourceCheck:
    return _with(check, name=text)


@method(f"{_R}.fieldSelector(string) -> {_R}")
def field_selector(check: ResourceCheck, text: str) -> ResourceCheck:
    return _selector(check, "field_selector", text, fields.parse)


@method(f"{_R}.labelSelector(string) -> {_R}")
def label_selector(check: ResourceCheck, text: str) -> ResourceCheck:
    return _selector(check, "label_selector", text, labels.parse)


def _selector(check: ResourceCheck, name: str, text: str, parse: Callable[[str], Any]) -> ResourceCheck:
    try:
        parse(text)
    except ValueError as error:
        # A selector that cannot be read restricts nothing: the question is about all objects.
        return _with(check, errors=(*check.question.errors, str(error)))
    return _with(check, **{name: text})


@method(f"{_R}.check(string) -> {_D}", cost=_DECISION_COST)
@method(f"{_P}.check(string) -> {_D}", cost=_DECISION_COST)
def check(asked: ResourceCheck | PathCheck, verb: str) -> Decision:
    return asked.decide(replace(asked.question, verb=verb))


@method(f"{_D}.allowed() -> bool")
def allowed(decision: Decision) -> bool:
    return decision.allowed


@method(f"{_D}.reason() -> string")
def reason(decision: Decision) -> str:
    return decision.reason


@method(f"{_D}.errored() -> bool")
def errored(decision: Decision) -> bool:
    return bool(decision.error)


@method(f"{_D}.error() -> string")
def error(decision: Decision) -> str:
    return decision.error
