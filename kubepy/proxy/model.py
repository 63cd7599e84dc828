"""What the proxy needs to know of Services: their ports, their endpoints, who may answer from where. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
HEADLESS_LABEL = "service.kubernetes.io/headless"
SERVICE_NAME_LABEL = "kubernetes.io/service-name"
DEFAULT_AFFINITY_SECONDS = 10800


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that answers a service port."""

    address: str
    port: int
    local: bool


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of one Service with the endpoints that serve it.

    ``endpoints`` are those for cluster-wide traffic, ``local_endpoints`` those on this node (for
    the "Local" policies). ``affinity_seconds`` is 0 without session affinity.
    """

    namespace: str
    name: str
    port_name: str
    protocol: str
    cluster_ip: str
    port: int
    node_port: int
    external_ips: tuple[str, ...]
    load_balancer_ips: tuple[str, ...]
    source_ranges: tuple[str, ...]
    affinity_seconds: int
    external_local: bool
    internal_local: bool
    endpoints: tuple[Endpoint, ...]
    local_endpoints: tuple[Endpoint, ...]

    @property
    def title(self) -> str:
        """namespace/name:port, as kube-proxy writes it into its rules' comments."""
        suffix = f":{self.port_name}" if self.port_name else ""
        return f"{self.namespace}/{self.name}{suffix}"

    @property
    def internal_endpoints(self) -> tuple[Endpoint, ...]:
        return self.local_endpoints if self.internal_local else self.endpoints

    @property
    def external_endpoints(self) -> tuple[Endpoint, ...]:
        return self.local_endpoints if self.external_local else self.endpoints

    @property
    def external(self) -> bool:
        """Whether the port is reached by other addresses than the cluster IP."""
        return bool(self.node_port or self.external_ips or self.load_balancer_ips)


def proxied(service: Obj) -> bool:
    """Whether this Service is the proxy's business: it has a cluster IP and no proxy of its own."""
    spec = service.get("spec") or {}
    labels = meta.labels(service)
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") in (None, "", "None"):
        return False
    return PROXY_NAME_LABEL not in labels and HEADLESS_LABEL not in labels


def service_ports(
    services: Iterable[Obj], slices_of: Mapping[tuple[str, str], list[Obj]], node: str
) -> list[ServicePort]:
    """Every port of every proxied IPv4 Service; ``slices_of``: EndpointSlices by (namespace, service)."""
    found = []
    for service in services:
        if not proxied(service):
            continue
        spec = service["spec"]
        if ":" in spec["clusterIP"]:
            continue
        key = (meta.namespace(service), meta.name(service))
        slices = [s for s in slices_of.get(key, ()) if s.get("addressType") == "IPv4"]
        found += [_service_port(service, port, slices, node) for port in spec.get("ports") or ()]
    found.sort(key=lambda p: (p.namespace, p.name, p.port_name, p.protocol))
    return found


def _service_port(service: Obj, port: Obj, slices: list[Obj], node: str) -> ServicePort:
    spec = service["spec"]
    port_name, protocol = port.get("name", ""), port.get("protocol", "TCP")
    ready, terminating = _endpoints(slices, port_name, protocol, node)
    # KEP-1669: when nothing is ready, those that still serve while they terminate do.
    endpoints = ready or terminating
    local = [e for e in ready if e.local] or [e for e in terminating if e.local]
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    load_balancer = tuple(i["ip"] for i in ingress if i.get("ip") and i.get("ipMode", "VIP") == "VIP")
    affinity = 0
    if spec.get("sessionAffinity") == "ClientIP":
        client_ip = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        affinity = client_ip.get("timeoutSeconds", DEFAULT_AFFINITY_SECONDS)
    return ServicePort(
        namespace=meta.namespace(service),
        name=meta.name(service),
        port_name=port_name,
        protocol=protocol.lower(),
        cluster_ip=spec["clusterIP"],
        port=port["port"],
        node_port=port.get("nodePort", 0),
        external_ips=tuple(spec.get("externalIPs") or ()),
        load_balancer_ips=load_balancer,
        source_ranges=tuple(spec.get("loadBalancerSourceRanges") or ()),
        affinity_seconds=affinity,
        external_local=spec.get("externalTrafficPolicy") == "Local",
        internal_local=spec.get("internalTrafficPolicy") == "Local",
        endpoints=tuple(endpoints),
        local_endpoints=tuple(local),
    )


def _endpoints(
    slices: list[Obj], port_name: str, protocol: str, node: str
) -> tuple[list[Endpoint], list[Endpoint]]:
    """(ready, serving while terminating), each sorted and without doubles."""
    ready: set[Endpoint] = set()
    terminating: set[Endpoint] = set()
    for item in slices:
        for port in item.get("ports") or ():
            if (port.get("name") or "") != port_name or port.get("protocol", "TCP") != protocol:
                continue
            for endpoint in item.get("endpoints") or ():
                conditions = endpoint.get("conditions") or {}
                is_ready = conditions.get("ready") is not False
                serving = conditions.get("serving", is_ready)
                target = ready if is_ready else terminating
                if not is_ready and not (serving and conditions.get("terminating")):
                    continue
                local = endpoint.get("nodeName") == node
                target.update(Endpoint(a, port["port"], local) for a in endpoint.get("addresses") or ())
    return sorted(ready, key=_order), sorted(terminating - ready, key=_order)


def _order(endpoint: Endpoint) -> tuple[str, int]:
    return endpoint.address, endpoint.port
