"""kubectl describe pod, and the pod templates of workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.api.qos import qos_class
from kubepy.kubectl.describers import containers, volumes, writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.machinery import meta, timestamps
from kubepy.machinery.labels import format_label_selector
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session


async def describe(session: Session, info: Info) -> str:
    """The text about a pod."""
    pod = info.obj
    found = await writing.events_of(session, pod) if session.values.on("show-events") else None
    out = Writer()
    _head(out, session, pod)
    spec: Obj = pod.get("spec") or {}
    status: Obj = pod.get("status") or {}
    if spec.get("initContainers"):
        containers.describe(
            out,
            "Init Containers",
            spec["initContainers"],
            status.get("initContainerStatuses") or [],
            level=0,
            pod=pod,
        )
    containers.describe(
        out,
        "Containers",
        spec.get("containers") or [],
        status.get("containerStatuses") or [],
        level=0,
        pod=pod,
    )
    if spec.get("ephemeralContainers"):
        containers.describe(
            out,
            "Ephemeral Containers",
            spec["ephemeralContainers"],
            status.get("ephemeralContainerStatuses") or [],
            level=0,
            pod=pod,
        )
    _readiness_gates(out, spec.get("readinessGates") or [], status.get("conditions") or [])
    if status.get("conditions"):
        out.line(0, "Conditions:\n  Type\tStatus")
        for condition in status["conditions"]:
            out.line(1, f"{condition['type']} \t{condition['status']} ")
    volumes.describe(out, spec.get("volumes") or [], level=0)
    out.line(0, f"QoS Class:\t{status.get('qosClass') or qos_class(pod)}")
    writing.labels(out, "Node-Selectors", spec.get("nodeSelector"))
    writing.tolerations(out, spec.get("tolerations") or [])
    topology_spread(out, spec.get("topologySpreadConstraints") or [])
    if found is not None:
        writing.events(out, found, session.clock.now())
    return out.text()


def _readiness_gates(out: Writer, gates: list[Obj], conditions: list[Obj]) -> None:
    if not gates:
        return
    states = {condition["type"]: condition["status"] for condition in conditions}
    out.line(0, "Readiness Gates:\n  Type\tStatus")
    for gate in gates:
        out.line(1, f"{gate['conditionType']} \t{states.get(gate['conditionType'], '<none>')} ")


def _head(out: Writer, session: Session, pod: Obj) -> None:
    spec: Obj = pod.get("spec") or {}
    status: Obj = pod.get("status") or {}
    writing.name_and_namespace(out, pod)
    if spec.get("priority") is not None:
        out.line(0, f"Priority:\t{spec['priority']}")
    if spec.get("priorityClassName"):
        out.line(0, f"Priority Class Name:\t{spec['priorityClassName']}")
    if spec.get("runtimeClassName"):
        out.line(0, f"Runtime Class Name:\t{spec['runtimeClassName']}")
    if spec.get("serviceAccountName"):
        out.line(0, f"Service Account:\t{spec['serviceAccountName']}")
    if spec.get("nodeName"):
        out.line(0, f"Node:\t{spec['nodeName']}/{status.get('hostIP') or ''}")
    else:
        out.line(0, "Node:\t<none>")
    if status.get("startTime"):
        out.line(0, f"Start Time:\t{writing.time(status['startTime'])}")
    writing.labels(out, "Labels", meta.labels(pod))
    writing.annotation_lines(out, pod)
    if meta.deletion_timestamp(pod) and status.get("phase") not in ("Failed", "Succeeded"):
        lasts = timestamps.human_age(meta.deletion_timestamp(pod), session.clock.now())
        out.line(0, f"Status:\tTerminating (lasts {lasts})")
        out.line(0, f"Termination Grace Period:\t{pod['metadata'].get('deletionGracePeriodSeconds')}s")
    else:
        out.line(0, f"Status:\t{status.get('phase') or ''}")
    if status.get("reason"):
        out.line(0, f"Reason:\t{status['reason']}")
    if status.get("message"):
        out.line(0, f"Message:\t{status['message']}")
    security: Obj = spec.get("securityContext") or {}
    if security.get("seccompProfile"):
        out.line(0, f"SeccompProfile:\t{security['seccompProfile'].get('type')}")
        if security["seccompProfile"].get("type") == "Localhost":
            out.line(0, f"LocalhostProfile:\t{security['seccompProfile'].get('localhostProfile')}")
    out.line(0, f"IP:\t{status.get('podIP') or ''}")
    addresses = [entry["ip"] for entry in status.get("podIPs") or []]
    if addresses:
        out.line(0, "IPs:")
        for address in addresses:
            out.line(0, f"  IP:\t{address}")
    else:
        out.line(0, "IPs:\t<none>")
    writing.controlled_by(out, pod)
    if status.get("nominatedNodeName"):
        out.line(0, f"NominatedNodeName:\t{status['nominatedNodeName']}")


def topology_spread(out: Writer, constraints: list[Obj], *, level: int = 0) -> None:
    if not constraints:
        return
    title = "  " * level + "Topology Spread Constraints:\t"
    for found in sorted(constraints, key=lambda item: item["topologyKey"]):
        text = f"{found['topologyKey']}:{found['whenUnsatisfiable']}"
        text += f" when max skew {found['maxSkew']} is exceeded"
        if found.get("labelSelector") is not None:
            text += f" for selector {format_label_selector(found['labelSelector'])}"
        out.raw(f"{title}{text}\n")
        title = "  " * level + "\t"


def template(out: Writer, found: Obj | None) -> None:
    """`Pod Template:` of a workload."""
    if found is None:
        out.line(0, "Pod Template:\n  <unset>")
        return
    out.line(0, "Pod Template:")
    spec: Obj = found.get("spec") or {}
    writing.labels(out, "Labels", meta.labels(found), level=1)
    if meta.annotations(found):
        writing.annotation_lines(out, found, level=1)
    if spec.get("serviceAccountName"):
        out.line(1, f"Service Account:\t{spec['serviceAccountName']}")
    if spec.get("initContainers"):
        containers.describe(out, "Init Containers", spec["initContainers"], [], level=1)
    containers.describe(out, "Containers", spec.get("containers") or [], [], level=1)
    volumes.describe(out, spec.get("volumes") or [], level=1)
    topology_spread(out, spec.get("topologySpreadConstraints") or [], level=1)
    if spec.get("priorityClassName"):
        out.line(1, f"Priority Class Name:\t{spec['priorityClassName']}")
    writing.labels(out, "Node-Selectors", spec.get("nodeSelector"), level=1)
    writing.tolerations(out, spec.get("tolerations") or [], level=1)
