"""Keeps status.observedGeneration and status.typeChecking of policies."""

from __future__ import annotations

from kubepy.api.resources import VALIDATING_ADMISSION_POLICIES
from kubepy.controllers.admission_policy.checking import warnings
from kubepy.controllers.context import Context
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request


def new(context: Context) -> Controller:
    """The validatingadmissionpolicy-status-controller."""
    policies = context.factory.informer(VALIDATING_ADMISSION_POLICIES)

    async def reconcile(request: Request) -> None:
        policy = policies.lister.get(request.name)
        if policy is None:
            return
        status = policy.get("status") or {}
        if status.get("observedGeneration") == meta.generation(policy) and "typeChecking" in status:
            return
        found = warnings(policy)
        checking: Obj = {"expressionWarnings": found} if found else {}
        wanted = {**status, "observedGeneration": meta.generation(policy), "typeChecking": checking}
        await context.client.update(
            VALIDATING_ADMISSION_POLICIES, {**policy, "status": wanted}, subresource="status"
        )

    return Controller("validatingadmissionpolicy-status", reconcile).for_(VALIDATING_ADMISSION_POLICIES)
