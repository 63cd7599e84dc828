"""Names below the cluster domain: which Service, port, endpoint or pod they mean. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["service", "endpoint", "port", "pod", "node", "version", "unknown"]


@dataclass(frozen=True)
class Target:
    """What a name stands for.

    "service": ``service`` in ``namespace``; "endpoint": one of its ``endpoint``s; "port": SRV of
    ``port``/``protocol``; "pod": the address in ``endpoint``; "node": a name that only has names below it.
    """

    kind: Kind
    namespace: str = ""
    service: str = ""
    endpoint: str = ""
    port: str = ""
    protocol: str = ""


UNKNOWN = Target("unknown")


def parse(labels: tuple[str, ...]) -> Target:
    """``labels`` are those in front of the cluster domain, in lower case, the leftmost first."""
    if labels == ("dns-version",):
        return Target("version")
    if not labels or labels in (("svc",), ("pod",)):
        return Target("node")
    if labels[-1] == "svc":
        return _service(labels[:-1])
    if labels[-1] == "pod" and len(labels) == 3:
        return Target("pod", namespace=labels[1], endpoint=labels[0])
    if labels[-1] == "pod" and len(labels) == 2:
        return Target("node", namespace=labels[0])
    return UNKNOWN


def _service(labels: tuple[str, ...]) -> Target:
    match labels:
        case (namespace,):
            return Target("node", namespace=namespace)
        case (service, namespace):
            return Target("service", namespace=namespace, service=service)
        case (protocol, service, namespace) if protocol.startswith("_"):
            return Target("node", namespace=namespace, service=service)
        case (endpoint, service, namespace):
            return Target("endpoint", namespace=namespace, service=service, endpoint=endpoint)
        case (port, protocol, service, namespace) if port.startswith("_") and protocol.startswith("_"):
            return Target("port", namespace, service, port=port[1:], protocol=protocol[1:])
    return UNKNOWN


def dashed(address: str) -> str:
    """10.1.2.3 -> 10-1-2-3, as names of endpoints and pods have it."""
    return address.replace(".", "-").replace(":", "-")


def undashed(text: str) -> str | None:
    """10-1-2-3 -> 10.1.2.3, None when it is no address."""
    parts = text.split("-")
    if len(parts) == 4 and all(p.isdigit() and int(p) < 256 for p in parts):
        return ".".join(parts)
    if len(parts) > 4:
        return text.replace("-", ":")
    return None
