"""Answers for names of the cluster domain, from Services and EndpointSlices; looks in a Directory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from kubepy.dns.names import Target, dashed, undashed
from kubepy.machinery.meta import Obj

SPECIFICATION = "1.1.0"


class Directory(Protocol):
    """Where Services are looked up."""

    def service(self, namespace: str, name: str) -> Obj | None: ...

    def slices(self, namespace: str, service: str) -> Iterable[Obj]: ...

    def has_namespace(self, name: str) -> bool: ...

    def services_by_address(self, address: str) -> Iterable[Obj]: ...

    def slices_by_address(self, address: str) -> Iterable[Obj]: ...


@dataclass(frozen=True)
class Record:
    """One resource record: owner name relative to the cluster domain, type, data in presentation format."""

    name: str
    type: str
    data: str


@dataclass
class Answer:
    """``exists`` tells NODATA from NXDOMAIN; ``additional`` spares the client a second question."""

    exists: bool
    records: list[Record] = field(default_factory=list)
    additional: list[Record] = field(default_factory=list)


NOTHING = Answer(False)


def resolve(target: Target, name: str, type: str, directory: Directory, domain: str) -> Answer:
    """The answer for ``name`` (relative to ``domain``), which ``target`` is the meaning of."""
    if target.kind == "version":
        return Answer(True, [Record(name, "TXT", f'"{SPECIFICATION}"')] if type == "TXT" else [])
    if target.kind == "node":
        return Answer(not target.namespace or directory.has_namespace(target.namespace))
    if target.kind == "pod":
        return _pod(target, name, type, directory)
    if target.kind == "unknown":
        return NOTHING
    service = directory.service(target.namespace, target.service)
    if service is None:
        return NOTHING
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        if target.kind != "service":
            return NOTHING
        return Answer(True, [Record(name, "CNAME", f"{spec['externalName'].rstrip('.')}.")])
    if target.kind == "port":
        return _ports(target, name, type, service, directory, domain)
    if target.kind == "endpoint":
        return _endpoint(target, name, type, directory)
    if spec.get("clusterIP") != "None":
        addresses = spec.get("clusterIPs") or [spec["clusterIP"]]
        return Answer(True, _addresses(name, addresses, type))
    found = [address for _, address in _ready(directory, target)]
    return Answer(bool(found), _addresses(name, found, type))


def reverse(address: str, directory: Directory, domain: str) -> list[str]:
    """The names that PTR gives for an address: of the Service with that cluster IP, or of endpoints."""
    services = [
        f"{s['metadata']['name']}.{s['metadata']['namespace']}.svc.{domain}"
        for s in directory.services_by_address(address)
    ]
    if services:
        return sorted(services)
    found = set()
    for item in directory.slices_by_address(address):
        namespace = item["metadata"]["namespace"]
        service = item["metadata"]["labels"]["kubernetes.io/service-name"]
        owner = directory.service(namespace, service)
        if owner is None or owner["spec"].get("clusterIP") != "None":
            continue
        for endpoint in item.get("endpoints") or ():
            if address in endpoint["addresses"]:
                label = endpoint.get("hostname") or dashed(address)
                found.add(f"{label}.{service}.{namespace}.svc.{domain}")
    return sorted(found)


def _pod(target: Target, name: str, type: str, directory: Directory) -> Answer:
    address = undashed(target.endpoint)
    if address is None or not directory.has_namespace(target.namespace):
        return NOTHING
    return Answer(True, _addresses(name, [address], type))


def _endpoint(target: Target, name: str, type: str, directory: Directory) -> Answer:
    found = [address for label, address in _ready(directory, target) if label == target.endpoint]
    return Answer(bool(found), _addresses(name, found, type))


def _ports(target: Target, name: str, type: str, service: Obj, directory: Directory, domain: str) -> Answer:
    base = f"{target.service}.{target.namespace}.svc"
    records: list[Record] = []
    additional: list[Record] = []
    if service["spec"].get("clusterIP") != "None":
        for port in service["spec"].get("ports") or ():
            if _is(port, target):
                records.append(Record(name, "SRV", f"0 100 {port['port']} {base}.{domain}."))
                additional = _addresses(base, [service["spec"]["clusterIP"]], "A")
    else:
        for item in directory.slices(target.namespace, target.service):
            for port in (p for p in item.get("ports") or () if _is(p, target)):
                for label, address in _ready_in(item):
                    host = f"{label}.{base}"
                    records.append(Record(name, "SRV", f"0 100 {port['port']} {host}.{domain}."))
                    additional += _addresses(host, [address], "AAAA" if ":" in address else "A")
    if not records:
        return NOTHING
    return Answer(True, records, additional) if type == "SRV" else Answer(True)


def _is(port: Obj, target: Target) -> bool:
    return port.get("name") == target.port and port.get("protocol", "TCP").lower() == target.protocol


def _ready(directory: Directory, target: Target) -> list[tuple[str, str]]:
    slices = directory.slices(target.namespace, target.service)
    return sorted({pair for item in slices for pair in _ready_in(item)})


def _ready_in(item: Obj) -> Iterable[tuple[str, str]]:
    """(label, address) of the endpoints of one slice that are ready."""
    for endpoint in item.get("endpoints") or ():
        if (endpoint.get("conditions") or {}).get("ready") is not False:
            for address in endpoint["addresses"]:
                yield endpoint.get("hostname") or dashed(address), address


def _addresses(name: str, addresses: Iterable[str], type: str) -> list[Record]:
    return [Record(name, type, a) for a in addresses if type == ("AAAA" if ":" in a else "A")]
