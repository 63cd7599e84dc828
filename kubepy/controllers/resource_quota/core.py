"""What is used of a quota. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubepy.api.quota import in_scope, usage_of
from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS, SERVICES, Resource
from kubepy.api.scheme import SCHEME
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

ZERO = Quantity.parse("0")
EVALUATED = (PODS, SERVICES, PERSISTENT_VOLUME_CLAIMS)
"""Resources that count for more than their number."""


def concerned(hard: Mapping[str, str], served: Iterable[GVR]) -> list[GVR]:
    """The resources to be counted for these limits, of those that are served."""
    counted = {name.removeprefix("count/") for name in hard}
    others = [gvr for gvr in served if gvr not in EVALUATED and str(gvr.gr) in counted]
    return [*EVALUATED, *others]


def used(quota: Obj, objects: Mapping[GVR, Iterable[Obj]]) -> dict[str, str]:
    """status.used: a number for each limit that the counted resources tell something about."""
    hard = (quota.get("spec") or {}).get("hard") or {}
    totals = dict.fromkeys(hard, ZERO)
    for gvr, found in objects.items():
        resource = _resource(gvr)
        for obj in found:
            if not in_scope(quota, gvr, obj):
                continue
            usage = (
                usage_of(resource, obj) if resource is not None else {f"count/{gvr.gr}": Quantity.parse("1")}
            )
            for name, amount in usage.items():
                if name in totals:
                    totals[name] = totals[name] + amount
    return {name: str(total) for name, total in totals.items()}


def gives_back(recorded: Mapping[str, str], counted: Mapping[str, str]) -> bool:
    """Whether less is used than is on record."""
    return any(
        name in recorded and Quantity.parse(amount) < Quantity.parse(recorded[name])
        for name, amount in counted.items()
    )


def _resource(gvr: GVR) -> Resource | None:
    """None for custom resources, of which only the number counts."""
    try:
        return SCHEME.resource(gvr)
    except KeyError:
        return None
