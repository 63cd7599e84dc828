"""kubectl describe namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl.describers import writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.machinery import meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session


async def describe(session: Session, info: Info) -> str:
    """The text about a Namespace, its quotas and its limit ranges."""
    namespace = info.obj
    quotas = await _listed(session, info.name, "resourcequotas")
    limits = await _listed(session, info.name, "limitranges")
    out = Writer()
    out.line(0, f"Name:\t{info.name}")
    writing.labels(out, "Labels", meta.labels(namespace))
    writing.annotation_lines(out, namespace)
    out.line(0, f"Status:\t{(namespace.get('status') or {}).get('phase') or ''}")
    conditions = (namespace.get("status") or {}).get("conditions") or []
    if conditions:
        out.line(0, "Conditions:\n  Type\tStatus\tLastTransitionTime\tReason\tMessage")
        out.line(1, "----\t------\t------------------\t------\t-------")
        for found in conditions:
            out.line(
                1,
                f"{found['type']}\t{found['status']}\t{writing.time(found.get('lastTransitionTime'))}\t"
                f"{found.get('reason') or ''}\t{found.get('message') or ''}",
            )
    if quotas is not None:
        out.raw("\n")
        _quotas(out, quotas)
    if limits is not None:
        out.raw("\n")
        _limits(out, limits)
    return out.text()


async def _listed(session: Session, namespace: str, plural: str) -> list[Obj] | None:
    """None where the server has none of the kind."""
    try:
        answer = await session.request("GET", f"/api/v1/namespaces/{namespace}/{plural}")
    except StatusError as error:
        if error.code == 404:
            return None
        raise
    return answer.get("items") or []


def _quotas(out: Writer, quotas: list[Obj]) -> None:
    if not quotas:
        out.line(0, "No resource quota.")
        return
    out.line(0, "Resource Quotas")
    for quota in sorted(quotas, key=meta.name):
        out.line(1, f"Name:\t{meta.name(quota)}")
        scopes = (quota.get("spec") or {}).get("scopes") or []
        if scopes:
            out.line(1, f"Scopes:\t{', '.join(scopes)}")
        out.line(1, "Resource\tUsed\tHard")
        out.line(1, "--------\t---\t---")
        status: Obj = quota.get("status") or {}
        for resource in sorted(status.get("hard") or {}):
            used = (status.get("used") or {}).get(resource, "0")
            out.line(1, f"{resource}\t{used}\t{status['hard'][resource]}")


def _limits(out: Writer, ranges: list[Obj]) -> None:
    if not ranges:
        out.line(0, "No LimitRange resource.")
        return
    out.line(0, "Resource Limits")
    out.line(1, "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio")
    out.line(1, "----\t--------\t---\t---\t---------------\t-------------\t-----------------------")
    for found in ranges:
        for limit in (found.get("spec") or {}).get("limits") or []:
            fields = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")
            resources = {resource for field in fields for resource in limit.get(field) or {}}
            for resource in sorted(resources):
                cells = [str((limit.get(field) or {}).get(resource, "-")) for field in fields]
                out.line(1, "\t".join([str(limit.get("type")), resource, *cells]))
