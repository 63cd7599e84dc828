"""Which rules a kind has."""

from __future__ import annotations

from kubepy.api.validation import (
    admissionregistration,
    apiextensions,
    apiservices,
    apps,
    autoscaling,
    batch,
    certificates,
    claims,
    core,
    devices,
    endpoints,
    events,
    flowcontrol,
    networking,
    nodes,
    persistent_volumes,
    pods,
    policy,
    quotas,
    rbac,
    services,
    storage,
)
from kubepy.api.validation.rules import Rules
from kubepy.machinery.gvk import GK

RULES: dict[GK, Rules] = {
    **pods.RULES,
    **core.RULES,
    **nodes.RULES,
    **quotas.RULES,
    **events.RULES,
    **endpoints.RULES,
    **persistent_volumes.RULES,
    **claims.RULES,
    **services.RULES,
    **apps.RULES,
    **batch.RULES,
    **networking.RULES,
    **rbac.RULES,
    **storage.RULES,
    **policy.RULES,
    **autoscaling.RULES,
    **flowcontrol.RULES,
    **devices.RULES,
    **apiextensions.RULES,
    **apiservices.RULES,
    **certificates.RULES,
    **admissionregistration.RULES,
}
