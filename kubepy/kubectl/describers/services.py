"""kubectl describe service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl.describers import writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session

MAX_ENDPOINTS = 3


async def describe(session: Session, info: Info) -> str:
    """The text about a Service and where it leads."""
    service = info.obj
    spec: Obj = service.get("spec") or {}
    out = Writer()
    writing.name_and_namespace(out, service)
    writing.labels(out, "Labels", meta.labels(service))
    writing.annotation_lines(out, service)
    selector = ",".join(f"{key}={spec['selector'][key]}" for key in sorted(spec.get("selector") or {}))
    out.line(0, f"Selector:\t{selector or '<none>'}")
    out.line(0, f"Type:\t{spec.get('type') or ''}")
    if spec.get("ipFamilyPolicy"):
        out.line(0, f"IP Family Policy:\t{spec['ipFamilyPolicy']}")
    out.line(0, f"IP Families:\t{','.join(spec.get('ipFamilies') or []) or '<none>'}")
    out.line(0, f"IP:\t{spec.get('clusterIP') or ''}")
    out.line(0, f"IPs:\t{','.join(spec.get('clusterIPs') or []) or '<none>'}")
    if spec.get("externalIPs"):
        out.line(0, f"External IPs:\t{','.join(spec['externalIPs'])}")
    if spec.get("loadBalancerIP"):
        out.line(0, f"Desired LoadBalancer IP:\t{spec['loadBalancerIP']}")
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if ingress:
        addresses = ", ".join(f"{i.get('ip') or i.get('hostname')}{_ip_mode(i)}" for i in ingress)
        out.line(0, f"LoadBalancer Ingress:\t{addresses}")
    if spec.get("externalName"):
        out.line(0, f"External Name:\t{spec['externalName']}")
    slices = await _slices(session, service)
    for port in spec.get("ports") or []:
        name = port.get("name") or "<unset>"
        protocol = port.get("protocol") or "TCP"
        out.line(0, f"Port:\t{name}\t{port.get('port')}/{protocol}")
        target = port.get("targetPort")
        out.line(0, f"TargetPort:\t{target}/{protocol}")
        if port.get("nodePort"):
            out.line(0, f"NodePort:\t{name}\t{port['nodePort']}/{protocol}")
        out.line(0, f"Endpoints:\t{endpoints(slices, port.get('name') or '')}")
    out.line(0, f"Session Affinity:\t{spec.get('sessionAffinity') or ''}")
    if spec.get("externalTrafficPolicy"):
        out.line(0, f"External Traffic Policy:\t{spec['externalTrafficPolicy']}")
    if spec.get("internalTrafficPolicy"):
        out.line(0, f"Internal Traffic Policy:\t{spec['internalTrafficPolicy']}")
    if spec.get("trafficDistribution"):
        out.line(0, f"Traffic Distribution:\t{spec['trafficDistribution']}")
    if spec.get("healthCheckNodePort"):
        out.line(0, f"HealthCheck NodePort:\t{spec['healthCheckNodePort']}")
    if spec.get("loadBalancerSourceRanges"):
        out.line(0, f"LoadBalancer Source Ranges:\t{','.join(spec['loadBalancerSourceRanges'])}")
    if session.values.on("show-events"):
        writing.events(out, await writing.events_of(session, service), session.clock.now())
    return out.text()


def _ip_mode(ingress: Obj) -> str:
    return f" ({ingress['ipMode']})" if ingress.get("ipMode") else ""


async def _slices(session: Session, service: Obj) -> list[Obj]:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{meta.namespace(service)}/endpointslices"
    params = {"labelSelector": f"kubernetes.io/service-name={meta.name(service)}"}
    return (await session.request("GET", path, params=params)).get("items") or []


def endpoints(slices: list[Obj], port_name: str) -> str:
    """Up to three addresses of the ready endpoints of a port, and how many there are besides."""
    found: list[str] = []
    more = 0
    if not slices:
        return "<none>"
    for part in slices:
        ports: list[Obj | None] = [p for p in part.get("ports") or [] if (p.get("name") or "") == port_name]
        if not part.get("ports"):
            ports = [None]
        for port in ports:
            for endpoint in part.get("endpoints") or []:
                if (endpoint.get("conditions") or {}).get("ready") is False:
                    continue
                if len(found) == MAX_ENDPOINTS:
                    more += 1
                    continue
                found.append(_address(endpoint, port))
    text = ",".join(found)
    return f"{text} + {more} more..." if more else text


def _address(endpoint: Obj, port: Obj | None) -> str:
    address = str(endpoint["addresses"][0])
    if port is None or not port.get("port"):
        return address
    return f"[{address}]:{port['port']}" if ":" in address else f"{address}:{port['port']}"
