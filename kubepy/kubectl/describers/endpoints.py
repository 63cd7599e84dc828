"""kubectl describe endpoints and endpointslice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl.describers import writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.machinery import meta

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session


async def endpoints(session: Session, info: Info) -> str:
    """The text about an Endpoints object."""
    out = Writer()
    _head(out, info)
    out.line(0, "Subsets:")
    for subset in info.obj.get("subsets") or []:
        for title, field in (("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")):
            addresses = ",".join(entry["ip"] for entry in subset.get(field) or [])
            out.line(1, f"{title}:\t{addresses or '<none>'}")
        if subset.get("ports"):
            out.line(1, "Ports:")
            out.line(2, "Name\tPort\tProtocol")
            out.line(2, "----\t----\t--------")
            for port in subset["ports"]:
                out.line(2, f"{port.get('name') or '<unset>'}\t{port['port']}\t{port.get('protocol')}")
        out.line(0, "")
    return await _finish(session, out, info)


async def slice_(session: Session, info: Info) -> str:
    """The text about an EndpointSlice."""
    obj = info.obj
    out = Writer()
    _head(out, info)
    out.line(0, f"AddressType:\t{obj.get('addressType')}")
    ports = obj.get("ports") or []
    if not ports:
        out.line(0, "Ports: <unset>")
    else:
        out.line(0, "Ports:")
        out.line(1, "Name\tPort\tProtocol")
        out.line(1, "----\t----\t--------")
        for port in ports:
            number = port.get("port")
            shown = "<unset>" if number is None else number
            out.line(1, f"{port.get('name') or '<unset>'}\t{shown}\t{port.get('protocol')}")
    found = obj.get("endpoints") or []
    if not found:
        out.line(0, "Endpoints: <none>")
    else:
        out.line(0, "Endpoints:")
        for endpoint in found:
            out.line(1, f"- Addresses:\t{', '.join(endpoint['addresses'])}")
            out.line(2, "Conditions:")
            ready = (endpoint.get("conditions") or {}).get("ready")
            out.line(3, f"Ready:\t{'<unset>' if ready is None else writing.bool_text(ready)}")
            out.line(2, f"Hostname:\t{endpoint.get('hostname') or '<unset>'}")
            target = endpoint.get("targetRef")
            if target:
                out.line(2, f"TargetRef:\t{target.get('kind')}/{target.get('name')}")
            out.line(2, f"NodeName:\t{endpoint.get('nodeName') or '<unset>'}")
            out.line(2, f"Zone:\t{endpoint.get('zone') or '<unset>'}")
    return await _finish(session, out, info)


def _head(out: Writer, info: Info) -> None:
    writing.name_and_namespace(out, info.obj)
    writing.labels(out, "Labels", meta.labels(info.obj))
    writing.annotation_lines(out, info.obj)


async def _finish(session: Session, out: Writer, info: Info) -> str:
    if session.values.on("show-events"):
        writing.events(out, await writing.events_of(session, info.obj), session.clock.now())
    return out.text()
