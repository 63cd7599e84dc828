"""Defaults of the groups that extend the API: apiextensions.k8s.io and apiregistration.k8s.io."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api.defaults.admissionregistration import default_service_port
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj


def _custom_resource_definition(crd: Obj) -> None:
    spec = crd.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = names.get("kind") or ""
    if kind:
        names.setdefault("singular", kind.lower())
        names.setdefault("listKind", f"{kind}List")
    conversion = spec.setdefault("conversion", {})
    conversion.setdefault("strategy", "None")
    default_service_port((conversion.get("webhook") or {}).get("clientConfig"))


def _api_service(service: Obj) -> None:
    default_service_port(service.setdefault("spec", {}))


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK("apiextensions.k8s.io", "v1", "CustomResourceDefinition"): _custom_resource_definition,
    GVK("apiregistration.k8s.io", "v1", "APIService"): _api_service,
}
