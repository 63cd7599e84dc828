"""Which rules a kind has."""

from __future__ import annotations

from kubepy.api.validation import (
    admissionregistration,
    apiextensions,
    apps,
    batch,
    certificates,
    core,
    networking,
    pods,
    policy,
    rbac,
    services,
    storage,
)
from kubepy.api.validation.rules import Rules
from kubepy.machinery.gvk import GK

RULES: dict[GK, Rules] = {
    **pods.RULES,
    **core.RULES,
    **services.RULES,
    **apps.RULES,
    **batch.RULES,
    **networking.RULES,
    **rbac.RULES,
    **storage.RULES,
    **policy.RULES,
    **apiextensions.RULES,
    **certificates.RULES,
    **admissionregistration.RULES,
}
