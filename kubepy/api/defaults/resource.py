"""Defaults of the group resource.k8s.io."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

_GROUP = "resource.k8s.io"


def _device_claim(spec: Obj) -> None:
    for request in (spec.get("devices") or {}).get("requests") or ():
        if "exactly" in request:
            _mode(request["exactly"])
        for alternative in request.get("firstAvailable") or ():
            _mode(alternative)


def _mode(request: Obj) -> None:
    if not request.get("allocationMode"):
        request["allocationMode"] = "ExactCount"
    if request["allocationMode"] == "ExactCount" and not request.get("count"):
        request["count"] = 1


def _claim(claim: Obj) -> None:
    _device_claim(claim.setdefault("spec", {}))


def _template(template: Obj) -> None:
    _device_claim(template.setdefault("spec", {}).setdefault("spec", {}))


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK(_GROUP, "v1", "ResourceClaim"): _claim,
    GVK(_GROUP, "v1", "ResourceClaimTemplate"): _template,
}
