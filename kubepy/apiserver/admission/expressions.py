"""CEL in admission: the variables of a write, the authorizer library, matchConditions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from kubepy.api.resources import Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.request import admission_request
from kubepy.apiserver.authentication.user import SERVICE_ACCOUNT_PREFIX, User
from kubepy.apiserver.authorization import attributes as access
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj

Convert = Callable[[Obj, Resource, Resource], Awaitable[Obj]]
"""(object, from, to): the object in another of its versions; the object given is not changed."""

CONDITIONS_BUDGET = 2_500_000
POLICY_BUDGET = 10_000_000
_BASIC = ("object", "oldObject", "request", "authorizer")


class Decision:
    """Answers of the authorizer: `allowed`, `reason`, `errored`, `error`."""

    def __init__(self, allowed: bool, reason: str) -> None:
        self._allowed, self._reason = allowed, reason

    def allowed(self) -> bool:
        """May the user do it?"""
        return self._allowed

    def reason(self) -> str:
        """Why, or why not."""
        return self._reason

    def errored(self) -> bool:
        """The authorizer of this server always has an answer."""
        return False

    def error(self) -> str:
        """No error."""
        return ""


class ResourceCheck:
    """`authorizer.group(...).resource(...)` and what may follow."""

    def __init__(self, parent: UserAccess, wanted: access.Attributes) -> None:
        self._parent, self._wanted = parent, wanted

    def _with(self, **changes: str) -> ResourceCheck:
        return ResourceCheck(self._parent, self._wanted._replace(**changes))

    def resource(self, name: str) -> ResourceCheck:
        """The plural of the resource."""
        return self._with(resource=name)

    def subresource(self, name: str) -> ResourceCheck:
        """One of its subresources."""
        return self._with(subresource=name)

    def namespace(self, name: str) -> ResourceCheck:
        """In a namespace."""
        return self._with(namespace=name)

    def name(self, name: str) -> ResourceCheck:
        """A certain object."""
        return self._with(name=name)

    def fieldSelector(self, text: str) -> ResourceCheck:
        """RBAC does not look at selectors."""
        return self

    def labelSelector(self, text: str) -> ResourceCheck:
        """RBAC does not look at selectors."""
        return self

    def check(self, verb: str) -> Decision:
        """Ask."""
        return self._parent.decide(self._wanted._replace(verb=verb))


class PathCheck:
    """`authorizer.path(...)`."""

    def __init__(self, parent: UserAccess, path: str) -> None:
        self._parent, self._path = parent, path

    def check(self, verb: str) -> Decision:
        """Ask."""
        return self._parent.decide(access.Attributes(verb, path=self._path))


class UserAccess:
    """The variable `authorizer`: what the user of the request may do besides."""

    def __init__(self, authorizer: Authorizer, user: User, request: access.Attributes) -> None:
        self._authorizer, self._user, self._request = authorizer, user, request

    def decide(self, wanted: access.Attributes) -> Decision:
        """Ask the server's authorizer."""
        return Decision(*self._authorizer.decide(self._user, wanted))

    def path(self, path: str) -> PathCheck:
        """Something that is no resource."""
        return PathCheck(self, path)

    def group(self, group: str) -> ResourceCheck:
        """An API group."""
        return ResourceCheck(self, access.Attributes("", group))

    def serviceAccount(self, namespace: str, name: str) -> UserAccess:
        """The same questions about a service account."""
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        user = User(f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}", groups)
        return UserAccess(self._authorizer, user, self._request)

    @property
    def requestResource(self) -> ResourceCheck:
        """The resource of the request itself."""
        return ResourceCheck(self, self._request)


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
        wanted = access.Attributes(
            "", own.gvk.group, own.plural, attributes.subresource, attributes.namespace, attributes.name
        )
        return {
            "object": objects[0],
            "oldObject": objects[1],
            "request": admission_request(attributes, matched),
            "authorizer": UserAccess(self._authorizer(), attributes.user, wanted),
        }


def resulted_in_error(expression: str, error: Exception) -> str:
    """Kubernetes' words for an expression that failed."""
    return f"expression '{expression}' resulted in error: {error}"


class MatchConditions:
    """matchConditions of a webhook or policy."""

    def __init__(
        self,
        conditions: Sequence[Obj],
        *,
        ignore_errors: bool,
        variables: Sequence[str] = _BASIC,
        budget: int = CONDITIONS_BUDGET,
    ) -> None:
        from kubepy.machinery import cel

        self._cel = cel
        self._ignore_errors = ignore_errors
        self._budget = budget
        self._broken: list[str] = []
        self._programs: list[tuple[str, Any]] = []
        for condition in conditions:
            expression = condition.get("expression") or ""
            try:
                self._programs.append((expression, cel.compile(expression, variables)))
            except cel.CompileError as error:
                self._broken.append(f"compilation failed: {error}")

    def match(self, variables: Mapping[str, Any], attributes: Attributes) -> bool:
        """True when all hold. When one fails and none is false: 403, or False with failurePolicy Ignore."""
        budget, problems = self._cel.Budget(self._budget), list(self._broken)
        for expression, program in self._programs:
            try:
                if not program.evaluate(variables, budget):
                    return False
            except self._cel.EvaluationError as error:
                problems.append(resulted_in_error(expression, error))
                if isinstance(error, self._cel.CostExceeded):
                    break
        if not problems:
            return True
        if self._ignore_errors:
            return False
        detail = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
