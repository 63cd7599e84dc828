"""Fills ClusterRoles that have an aggregationRule with the rules of those that it selects."""

from __future__ import annotations

from kubepy.api.resources import CLUSTER_ROLES
from kubepy.controllers.context import Context
from kubepy.machinery import labels, meta
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request


def aggregated_rules(role: Obj, others: list[Obj]) -> list[Obj]:
    """The rules of every selected role, by name, each once. Pure."""
    selectors = [
        labels.from_label_selector(s)
        for s in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    ]
    rules: list[Obj] = []
    for other in sorted(others, key=meta.name):
        if meta.name(other) == meta.name(role) or not any(s.matches(meta.labels(other)) for s in selectors):
            continue
        rules += [rule for rule in other.get("rules") or () if rule not in rules]
    return rules


def new(context: Context) -> Controller:
    """The cluster role aggregation controller."""
    roles = context.factory.informer(CLUSTER_ROLES)

    async def reconcile(request: Request) -> None:
        role = roles.lister.get(request.name)
        if role is None or not role.get("aggregationRule"):
            return
        wanted = aggregated_rules(role, roles.lister.list())
        if wanted != (role.get("rules") or []):
            await context.client.update(CLUSTER_ROLES, {**role, "rules": wanted})

    def aggregating(_: Obj) -> list[Request]:
        return [Request.of(role) for role in roles.lister.list() if role.get("aggregationRule")]

    return Controller("clusterrole-aggregation", reconcile).watches(CLUSTER_ROLES, aggregating)
