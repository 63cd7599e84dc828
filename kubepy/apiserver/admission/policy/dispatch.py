"""Which policies concern a write, through which bindings, with which parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from kubepy.api.resources import Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.expressions import POLICY_BUDGET, Convert, Environment
from kubepy.apiserver.admission.matching import Constraints, Equivalents, Index, Rule, namespace_of
from kubepy.apiserver.admission.policy.compiled import Binding, Policy, Variables, compile_binding
from kubepy.apiserver.cacher import ObjectSelector, ResourceCache
from kubepy.machinery import cel, labels
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj, make_key

if TYPE_CHECKING:
    from kubepy.apiserver.served import Served

FindKind = Callable[[GVK], "Served | None"]
_ANYTHING = Rule.of(
    {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"], "scope": "*"}
)


class ConfigurationError(Exception):
    """A policy or binding cannot be used: no parameters, an unknown kind of them."""


class Invocation(NamedTuple):
    """One policy to evaluate for one write: through one binding, with one parameter object (or none).

    `problem` says that it cannot be; `binding` is None when that is the policy's own fault.
    """

    policy: Policy
    binding: Binding | None
    matched: Resource
    params: Obj | None = None
    problem: str = ""


class Dispatcher:
    """Finds invocations, and makes their variables."""

    def __init__(
        self,
        policies: Index[Policy],
        bindings: ResourceCache,
        namespaces: ResourceCache,
        environment: Environment,
        equivalents: Equivalents,
        find_kind: FindKind,
    ) -> None:
        self._policies = policies
        self._binding_cache = bindings
        self._namespaces = namespaces
        self._environment = environment
        self._equivalents = equivalents
        self._find_kind = find_kind
        self._by_policy: dict[str, list[Binding]] | None = None
        bindings.add_listener(self._bindings_changed)

    def _bindings_changed(self, event: object) -> None:
        self._by_policy = None

    @property
    def convert(self) -> Convert:
        """Makes another version of an object."""
        return self._environment.convert

    @property
    def active(self) -> bool:
        """False while there is no policy."""
        return bool(self._policies.all)

    def _bindings(self, policy: str) -> list[Binding]:
        if self._by_policy is None:
            self._by_policy = {}
            for _, entry in sorted(self._binding_cache.entries.items()):
                made = compile_binding(entry.obj)
                self._by_policy.setdefault(made.policy, []).append(made)
        return self._by_policy.get(policy, [])

    async def invocations(self, attributes: Attributes) -> list[Invocation]:
        """In the order of the policies' and the bindings' names."""
        found: list[Invocation] = []
        for policy, matched in self._policies.concerning(attributes):
            bindings = self._bindings(policy.name)
            if not bindings or not policy.constraints.selectors.match(attributes, self._namespaces):
                continue
            served: Served | None = None
            if policy.param_kind is not None:
                served = self._find_kind(policy.param_kind)
                if served is None:
                    problem = f"failed to find resource referenced by paramKind: '{policy.param_kind}'"
                    found.append(
                        Invocation(policy, None, matched, None, f"failed to configure policy: {problem}")
                    )
                    continue
            for binding in bindings:
                if not self._binds(binding.constraints, attributes):
                    continue
                try:
                    params = await self._params(policy, binding, served, attributes)
                except ConfigurationError as error:
                    problem = f"failed to configure binding: {error}"
                    found.append(Invocation(policy, binding, matched, None, problem))
                    continue
                found += [Invocation(policy, binding, matched, each) for each in params]
        return found

    def _binds(self, constraints: Constraints | None, attributes: Attributes) -> bool:
        if constraints is None:
            return True
        if constraints.rules or constraints.excluded:
            names = self._equivalents(attributes.resource)
            operation, sub = attributes.operation, attributes.subresource
            rules = constraints.rules or (_ANYTHING,)
            wanted = constraints._replace(rules=rules)
            if wanted.find(attributes.resource, sub, operation, names, attributes.name) is None:
                return False
        return constraints.selectors.match(attributes, self._namespaces)

    async def _params(
        self, policy: Policy, binding: Binding, served: Served | None, attributes: Attributes
    ) -> list[Obj | None]:
        reference = binding.param_ref
        if served is None or reference is None:
            return [None]
        name, namespace = reference.get("name") or "", reference.get("namespace") or ""
        where = ""
        if served.resource.namespaced:
            where = namespace or namespace_of(attributes)
            if not where:
                raise ConfigurationError(
                    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                )
        elif namespace:
            raise ConfigurationError(
                "paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
            )
        cache = served.store.cache
        if name:
            entry = cache.get(make_key(where, name))
            entries = [] if entry is None else [entry]
        else:
            selector = labels.from_label_selector(reference.get("selector"))
            entries = list(cache.select(ObjectSelector(where, selector)))
        if not entries and reference.get("parameterNotFoundAction") == "Deny":
            raise ConfigurationError("no params found for policy binding with `Deny` parameterNotFoundAction")
        codec = served.store.codec
        return [served.view(e.obj) if codec is None else await codec.from_stored(e) for e in entries]

    async def variables(
        self, invocation: Invocation, attributes: Attributes, known: dict[Resource, dict[str, Any]]
    ) -> tuple[dict[str, Any], cel.Budget]:
        """What the policy's expressions see, and what they may cost. `known` saves work in between."""
        basic = known.get(invocation.matched)
        if basic is None:
            basic = known[invocation.matched] = await self._environment.variables(
                attributes, invocation.matched
            )
            entry = self._namespaces.get(namespace_of(attributes))
            basic["namespaceObject"] = None if entry is None else entry.obj
        bindings = {**basic, "params": invocation.params}
        budget = cel.Budget(POLICY_BUDGET)
        Variables(invocation.policy.variables, bindings, budget)
        return bindings, budget
