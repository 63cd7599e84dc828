"""The Available condition of an APIService: whether its Service can be asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubepy.apiserver.service_endpoints import ServiceEndpoints
from kubepy.machinery import conditions, errors
from kubepy.machinery.meta import Obj

Probe = Callable[[Obj], Awaitable[None]]
"""Asks the backend for its discovery document; raises OSError, TimeoutError or StatusError."""


def condition(status: bool, reason: str, message: str) -> Obj:
    """An Available condition."""
    return {"type": "Available", "status": str(status), "reason": reason, "message": message}


LOCAL = condition(True, "Local", "Local APIServices are always available")
PASSED = condition(True, "Passed", "all checks passed")


def is_available(api_service: Obj) -> bool:
    """True when the last check passed."""
    return conditions.is_true((api_service.get("status") or {}).get("conditions") or [], "Available")


async def check(api_service: Obj, endpoints: ServiceEndpoints, probe: Probe) -> Obj:
    """The condition as of now; the checks and words are those of kube-aggregator."""
    reference = api_service["spec"].get("service")
    if reference is None:
        return LOCAL
    namespace, name, port = reference["namespace"], reference["name"], reference.get("port") or 443
    service = endpoints.service(namespace, name)
    if service is None:
        return condition(False, "ServiceNotFound", f'service/{name} in "{namespace}" is not present')
    spec = service.get("spec") or {}
    if spec.get("type", "ClusterIP") == "ClusterIP":
        if not any(declared["port"] == port for declared in spec.get("ports") or ()):
            text = f'service/{name} in "{namespace}" is not listening on port {port}'
            return condition(False, "ServicePortError", text)
        slices = endpoints.slices(namespace, name)
        if not slices:
            text = f'cannot find endpointslices for service/{name} in "{namespace}"'
            return condition(False, "EndpointsNotFound", text)
        try:
            endpoints.endpoint(service, str(port))
        except errors.StatusError:
            text = f'endpoints for service/{name} in "{namespace}" have no addresses'
            return condition(False, "MissingEndpoints", text)
    try:
        await probe(api_service)
    except (errors.StatusError, OSError, TimeoutError) as error:
        text = f"failing or missing response from {error}"
        return condition(False, "FailedDiscoveryCheck", text)
    return PASSED
