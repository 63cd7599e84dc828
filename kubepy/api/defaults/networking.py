"""Defaults of the group networking.k8s.io."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

_GROUP = "networking.k8s.io"


def _network_policy(policy: Obj) -> None:
    spec = policy.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    for direction in ("ingress", "egress"):
        for rule in spec.get(direction) or ():
            for port in rule.get("ports") or ():
                port.setdefault("protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _ingress_class(ingress_class: Obj) -> None:
    parameters = ingress_class.setdefault("spec", {}).get("parameters")
    if parameters is not None:
        parameters.setdefault("scope", "Cluster")


def _ingress(ingress: Obj) -> None:
    ingress.setdefault("spec", {})


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK(_GROUP, "v1", "NetworkPolicy"): _network_policy,
    GVK(_GROUP, "v1", "IngressClass"): _ingress_class,
    GVK(_GROUP, "v1", "Ingress"): _ingress,
}
