"""Reconciles the default roles: missing rules and subjects are added, what others added stays.

A role annotated rbac.authorization.kubernetes.io/autoupdate: "false" is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kubepy.api import resources as r
from kubepy.apiserver.authorization.rbac import Rule
from kubepy.apiserver.bootstrap import controller_policy, namespaced_policy, policy
from kubepy.apiserver.bootstrap.objects import context, ensure
from kubepy.machinery import errors, labels
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj, deep_copy, make_key
from kubepy.util.logging import get_logger

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_log = get_logger(__name__)
_AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"


async def reconcile(server: APIServer) -> None:
    """Roles, bindings, and the rules of aggregated roles."""
    for wanted in (*policy.cluster_roles(), *controller_policy.cluster_roles()):
        await _put(server, r.CLUSTER_ROLES, wanted, _with_rules)
    for wanted in (*policy.cluster_role_bindings(), *controller_policy.cluster_role_bindings()):
        await _put(server, r.CLUSTER_ROLE_BINDINGS, wanted, _with_subjects)
    for wanted in namespaced_policy.roles():
        await _put(server, r.ROLES, wanted, _with_rules)
    for wanted in namespaced_policy.role_bindings():
        await _put(server, r.ROLE_BINDINGS, wanted, _with_subjects)
    await server.cacher.fresh()
    for _ in range(3):  # view is part of edit, and edit of admin
        if not await _aggregate(server):
            break


async def _put(server: APIServer, gvr: GVR, wanted: Obj, complete: Callable[[Obj, Obj], None]) -> None:
    """Make the object, or add to it what is missing."""
    name, namespace = wanted["metadata"]["name"], wanted["metadata"].get("namespace", "")
    store = server.served.get(gvr).store

    def completed(old: Obj) -> Obj:
        made = deep_copy(old)
        if (made["metadata"].get("annotations") or {}).get(_AUTOUPDATE) != "false":
            for field in ("labels", "annotations"):
                kept = made["metadata"].get(field) or {}
                made["metadata"][field] = {**wanted["metadata"][field], **kept}
            complete(made, wanted)
        return made

    async def change(old: Obj) -> Obj:
        return completed(old)

    try:
        if await ensure(server, gvr, wanted):
            return
        entry = store.cache.get(make_key(namespace, name))
        if entry is None or completed(entry.obj) != entry.obj:  # at most starts nothing is to be written
            await store.update(context("update", namespace), namespace, name, change)
    except errors.StatusError as error:
        # Somebody's change of a default role must not keep the server down.
        _log.error("unable to reconcile", resource=gvr.resource, name=name, error=error.message)


def _with_rules(made: Obj, wanted: Obj) -> None:
    if "aggregationRule" in wanted:
        made["aggregationRule"] = wanted["aggregationRule"]
        return
    rules = made.get("rules") or []
    present = {Rule.of(rule) for rule in rules}
    made["rules"] = [*rules, *(rule for rule in wanted["rules"] if Rule.of(rule) not in present)]


def _with_subjects(made: Obj, wanted: Obj) -> None:
    subjects = made.get("subjects") or []
    made["subjects"] = [*subjects, *(s for s in wanted["subjects"] if s not in subjects)]


async def _aggregate(server: APIServer) -> bool:
    """What the cluster role aggregation controller keeps up later, so that roles work from the start.

    True when a role had to be changed.
    """
    changed = False
    store = server.served.get(r.CLUSTER_ROLES).store
    await server.cacher.fresh()
    for entry in list(store.cache.entries.values()):
        selectors = ((entry.obj.get("aggregationRule") or {}).get("clusterRoleSelectors")) or []
        parsed = [labels.from_label_selector(selector) for selector in selectors]
        if not parsed:
            continue
        rules: list[Obj] = []
        for other in sorted(store.cache.entries.values(), key=lambda e: e.name):
            if other.name != entry.name and any(s.matches(other.labels) for s in parsed):
                rules += [rule for rule in other.obj.get("rules") or () if rule not in rules]
        if rules == (entry.obj.get("rules") or []):
            continue

        async def change(old: Obj, rules: list[Obj] = rules) -> Obj:
            return {**old, "metadata": dict(old["metadata"]), "rules": rules}

        await store.update(context("update"), "", entry.name, change)
        changed = True
    return changed
