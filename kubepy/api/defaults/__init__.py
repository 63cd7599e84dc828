"""Defaulting: what each kind gets where a client said nothing (Kubernetes' SetDefaults_* functions).

One file per API group; `DEFAULTERS` maps a kind to its function. A defaulter changes the object in place,
makes sure that the kind's main structs (spec, template) exist, and is quick: every create calls it.
`STATUS_DEFAULTERS` are the parts of them that concern metadata and status: all that a change of an object's
status needs.
"""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api.defaults import (
    admissionregistration,
    apiextensions,
    apps,
    autoscaling,
    batch,
    core,
    discovery,
    flowcontrol,
    networking,
    rbac,
    resource,
    scheduling,
    storage,
)
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    **core.DEFAULTERS,
    **apps.DEFAULTERS,
    **batch.DEFAULTERS,
    **autoscaling.DEFAULTERS,
    **networking.DEFAULTERS,
    **rbac.DEFAULTERS,
    **storage.DEFAULTERS,
    **scheduling.DEFAULTERS,
    **discovery.DEFAULTERS,
    **admissionregistration.DEFAULTERS,
    **apiextensions.DEFAULTERS,
    **flowcontrol.DEFAULTERS,
    **resource.DEFAULTERS,
}

STATUS_DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    **core.STATUS_DEFAULTERS,
    **batch.STATUS_DEFAULTERS,
}
