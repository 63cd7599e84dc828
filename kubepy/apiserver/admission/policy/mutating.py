"""MutatingAdmissionPolicy: changes by JSON patches or apply configurations that CEL expressions make."""

from __future__ import annotations

from typing import Any

from kubepy.api.resources import Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.admission.expressions import OUT_OF_BUDGET, ExpressionError
from kubepy.apiserver.admission.policy.apply import ApplyError, Merger, plain
from kubepy.apiserver.admission.policy.compiled import Mutation
from kubepy.apiserver.admission.policy.dispatch import Dispatcher, Invocation
from kubepy.apiserver.admission.settle import settle
from kubepy.machinery import cel, errors
from kubepy.machinery.meta import Obj
from kubepy.machinery.patch import PatchError, json_patch


class Failure(Exception):
    """A mutation cannot be made."""


class MutatingPolicies(Plugin):
    """Changes writes, policy after policy by name."""

    operations = frozenset({"CREATE", "UPDATE"})

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._merger = Merger()

    def handles(self, attributes: Attributes) -> bool:
        """Nothing while there is no policy."""
        return self._dispatcher.active

    async def mutate(self, attributes: Attributes) -> None:
        """Let every policy that the write concerns change the object."""
        invocations = await self._dispatcher.invocations(attributes)
        if not invocations:
            return
        again = attributes.reinvocation
        if again.running:
            again.notice(self, attributes.obj)
        problems: list[str] = []
        for invocation in invocations:
            policy = invocation.policy
            if again.running and not again.must_reinvoke(policy):
                continue
            try:
                if await self._apply(invocation, attributes):
                    again.changed()
            except Failure as failure:
                if not policy.ignores_failures:
                    problems.append(_problem(invocation, str(failure)))
            if policy.reinvoked and not again.running:
                again.remember(policy)
        again.left(self, attributes.obj)
        if problems:
            error = errors.forbidden(attributes.resource.gr, attributes.name, problems[0])
            error.status["message"] = problems[0]
            error.status["details"]["causes"] = [{"message": problem} for problem in problems]
            raise error

    async def _apply(self, invocation: Invocation, attributes: Attributes) -> bool:
        if invocation.problem:
            raise Failure(invocation.problem)
        changed = False
        variables, budget = await self._dispatcher.variables(invocation, attributes, {})
        conditions = invocation.policy.conditions
        try:
            if conditions is not None and not conditions.evaluate(variables, budget):
                return False
            for mutation in invocation.policy.mutations:
                before = variables["object"]
                after = self._mutated(mutation, before, variables, budget, attributes)
                if after != before:
                    await self._take(after, invocation.matched, attributes)
                    changed = True
                    # Later mutations see the object as it is now.
                    variables, budget = await self._dispatcher.variables(invocation, attributes, {})
        except ExpressionError as error:
            raise Failure(str(error)) from None
        except cel.CostExceeded:
            raise Failure(OUT_OF_BUDGET) from None
        return changed

    def _mutated(
        self,
        mutation: Mutation,
        obj: Obj,
        variables: dict[str, Any],
        budget: cel.Budget,
        attributes: Attributes,
    ) -> Obj:
        value = mutation.expression.evaluate(variables, budget)
        try:
            if mutation.patch_type == "JSONPatch":
                if not isinstance(value, list):
                    raise Failure("type error: JSONPatch expression does not return a list of JSONPatch")
                patched = json_patch.apply(obj, plain(value))
            else:
                patched = self._merger.merge(obj, value, attributes.kind)
        except PatchError as error:
            raise Failure(f"JSON Patch: {error}") from None
        except ApplyError as error:
            raise Failure(str(error)) from None
        if not isinstance(patched, dict):
            raise Failure("the patched object is no object")
        return patched

    async def _take(self, obj: Obj, matched: Resource, attributes: Attributes) -> None:
        own = attributes.resource
        if matched.gvr != own.gvr and obj.get("kind") == matched.kind:
            obj = await self._dispatcher.convert(obj, matched, own)
        settle(attributes, obj)


def _problem(invocation: Invocation, message: str) -> str:
    name = invocation.policy.name
    if invocation.binding is None:
        return f'policy "{name}" denied request: {message}'
    return f"policy '{name}' with binding '{invocation.binding.name}' denied request: {message}"
