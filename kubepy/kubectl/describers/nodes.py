"""kubectl describe node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl.describers import writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.kubectl.pod_resources import requests_and_limits
from kubepy.machinery import meta, timestamps
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity, canonical

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session

ROLE = "node-role.kubernetes.io/"


async def describe(session: Session, info: Info) -> str:
    """The text about a Node and the pods on it."""
    node = info.obj
    out = Writer()
    out.line(0, f"Name:\t{info.name}")
    roles = sorted(
        {key.removeprefix(ROLE) for key in meta.labels(node) if key.startswith(ROLE)}
        | ({meta.labels(node)["kubernetes.io/role"]} if "kubernetes.io/role" in meta.labels(node) else set())
    )
    out.line(0, f"Roles:\t{','.join(filter(None, roles)) or '<none>'}")
    writing.labels(out, "Labels", meta.labels(node))
    writing.annotation_lines(out, node)
    out.line(0, f"CreationTimestamp:\t{writing.time(meta.creation_timestamp(node))}")
    _taints(out, (node.get("spec") or {}).get("taints") or [])
    unschedulable = (node.get("spec") or {}).get("unschedulable")
    out.line(0, f"Unschedulable:\t{writing.bool_text(unschedulable)}")
    await _lease(out, session, info.name)
    _status(out, node)
    terminated = "status.phase!=Succeeded,status.phase!=Failed"
    params = {"fieldSelector": f"spec.nodeName={info.name},{terminated}", "limit": "500"}
    pods = (await session.request("GET", "/api/v1/pods", params=params)).get("items") or []
    pods.sort(key=lambda pod: (meta.namespace(pod), meta.name(pod)))
    _pods(out, session, node, pods)
    if session.values.on("show-events"):
        by_name = await writing.query_events(
            session, "", [f"involvedObject.kind=Node,involvedObject.name={info.name}"]
        )
        writing.events(out, by_name, session.clock.now())
    return out.text()


def _taints(out: Writer, taints: list[Obj]) -> None:
    if not taints:
        out.line(0, "Taints:\t<none>")
        return
    title = "Taints:"
    for taint in sorted(taints, key=lambda t: (t.get("effect") or "", t.get("key") or "")):
        value = f"={taint['value']}" if taint.get("value") else ""
        out.line(0, f"{title}\t{taint['key']}{value}:{taint.get('effect')}")
        title = ""


async def _lease(out: Writer, session: Session, name: str) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}"
    try:
        lease = await session.request("GET", path)
    except StatusError as error:
        out.line(0, f"Lease:\tFailed to get lease: {error.message}")
        return
    spec: Obj = lease.get("spec") or {}
    out.line(0, "Lease:")
    out.line(1, f"HolderIdentity:\t{spec.get('holderIdentity') or '<unset>'}")
    for title, field in (("AcquireTime", "acquireTime"), ("RenewTime", "renewTime")):
        out.line(1, f"{title}:\t{writing.time(spec.get(field)) or '<unset>'}")


def _status(out: Writer, node: Obj) -> None:
    status: Obj = node.get("status") or {}
    if status.get("conditions"):
        out.line(0, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage")
        out.line(1, "----\t------\t-----------------\t------------------\t------\t-------")
        for found in status["conditions"]:
            out.line(
                1,
                f"{found['type']} \t{found['status']} \t{writing.time(found.get('lastHeartbeatTime'))} \t"
                f"{writing.time(found.get('lastTransitionTime'))} \t{found.get('reason') or ''} \t"
                f"{found.get('message') or ''}",
            )
    out.line(0, "Addresses:")
    for address in status.get("addresses") or []:
        out.line(1, f"{address['type']}:\t{address['address']}")
    for title in ("Capacity", "Allocatable"):
        quantities: Obj = status.get(title.lower()) or {}
        if quantities:
            out.line(0, f"{title}:")
            for name in sorted(quantities):
                out.line(1, f"{name}:\t{canonical(quantities[name])}")
    system: Obj = status.get("nodeInfo") or {}
    out.line(0, "System Info:")
    for title, field in (
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
        ("Kube-Proxy Version", "kubeProxyVersion"),
    ):
        out.line(1, f"{title}:\t{system.get(field) or ''}")
    spec: Obj = node.get("spec") or {}
    if spec.get("podCIDR"):
        out.line(0, f"PodCIDR:\t{spec['podCIDR']}")
    if spec.get("podCIDRs"):
        out.line(0, f"PodCIDRs:\t{','.join(spec['podCIDRs'])}")
    if spec.get("providerID"):
        out.line(0, f"ProviderID:\t{spec['providerID']}")


def _pods(out: Writer, session: Session, node: Obj, pods: list[Obj]) -> None:
    status: Obj = node.get("status") or {}
    allocatable: Obj = status.get("allocatable") or status.get("capacity") or {}
    out.line(0, f"Non-terminated Pods:\t({len(pods)} in total)")
    out.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge")
    out.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---")
    totals: tuple[dict[str, Quantity], dict[str, Quantity]] = ({}, {})
    for pod in pods:
        both = requests_and_limits(pod)
        cells: list[str] = []
        for resource in ("cpu", "memory"):
            for amounts in both:
                amount = amounts.get(resource, Quantity.parse("0"))
                cells.append(f"{amount} ({_percent(resource, amount, allocatable)}%)")
        age = timestamps.human_age(meta.creation_timestamp(pod), session.clock.now())
        out.line(1, "\t".join([meta.namespace(pod), meta.name(pod), "", *cells, age]))
        for total, amounts in zip(totals, both, strict=True):
            for resource, amount in amounts.items():
                total[resource] = total[resource] + amount if resource in total else amount
    out.line(0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)")
    out.line(1, "Resource\tRequests\tLimits")
    out.line(1, "--------\t--------\t------")
    zero = Quantity.parse("0")
    for resource in ("cpu", "memory", "ephemeral-storage"):
        texts = [
            f"{total.get(resource, zero)} ({_percent(resource, total.get(resource, zero), allocatable)}%)"
            for total in totals
        ]
        out.line(1, f"{resource}\t{texts[0]}\t{texts[1]}")
    for resource in sorted(r for r in allocatable if r.startswith("hugepages-")):
        requested, limited = (total.get(resource, zero) for total in totals)
        out.line(
            1,
            f"{resource}\t{requested} ({_percent(resource, requested, allocatable)}%)\t"
            f"{limited} ({_percent(resource, limited, allocatable)}%)",
        )
    for resource in sorted(r for r in allocatable if "/" in r):
        out.line(1, f"{resource}\t{totals[0].get(resource, zero)}\t{totals[1].get(resource, zero)}")


def _percent(resource: str, amount: Quantity, allocatable: Obj) -> int:
    if resource not in allocatable:
        return 0
    whole = Quantity.parse(allocatable[resource])
    if resource == "cpu":
        return amount.milli_value() * 100 // whole.milli_value() if whole.milli_value() else 0
    return amount.value() * 100 // whole.value() if whole.value() else 0
