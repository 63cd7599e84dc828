"""The Node object: as it registers, and its status. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import kubepy
from kubepy.cri import Image, RuntimeCondition, RuntimeVersion
from kubepy.kubelet.config import KubeletConfig
from kubepy.kubelet.node.facts import MachineFacts
from kubepy.machinery import conditions
from kubepy.machinery.meta import Obj

MAX_IMAGES = 50
MAX_IMAGE_NAMES = 5
OWN_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")
OWN_LABELS = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
    }
)
CONTROLLER_MANAGED = "volumes.kubernetes.io/controller-managed-attach-detach"


@dataclass(frozen=True)
class RuntimeHealth:
    """How the container runtime is: None when it does not answer; `network` whether pods can have one."""

    version: RuntimeVersion | None = None
    conditions: Sequence[RuntimeCondition] = ()
    images: Sequence[Image] = ()
    pod_cidr: str = ""
    conflist_present: bool = False
    problems: Sequence[str] = ()


def may_set_itself(label: str) -> bool:
    """Whether a kubelet may label its own node so: not in Kubernetes' namespaces, but for some.

    A role (node-role.kubernetes.io/...) is the administrator's to give, as `kubeadm init` does.
    """
    namespace = label.partition("/")[0] if "/" in label else ""
    reserved = any(namespace == d or namespace.endswith(f".{d}") for d in ("kubernetes.io", "k8s.io"))
    own = any(namespace == p or namespace.endswith(f".{p}") for p in OWN_PREFIXES)
    return not reserved or own or label in OWN_LABELS


def initial_node(config: KubeletConfig, facts: MachineFacts) -> Obj:
    """The object that registers this machine, without a status."""
    labels = {
        "beta.kubernetes.io/arch": facts.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": facts.architecture,
        "kubernetes.io/hostname": config.node_name,
        "kubernetes.io/os": "linux",
    }
    taints = [
        {"key": t.key, "effect": t.effect} | ({"value": t.value} if t.value else {})
        for t in config.register_with_taints
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": config.node_name,
            "labels": labels | {k: v for k, v in config.node_labels.items() if may_set_itself(k)},
            "annotations": {CONTROLLER_MANAGED: "true"},
        },
        "spec": {"taints": taints} if taints else {},
    }


def node_status(
    node: Obj, config: KubeletConfig, facts: MachineFacts, health: RuntimeHealth, now: str
) -> Obj:
    """What the kubelet says of the node; conditions of others are kept."""
    before = node.get("status") or {}
    status: Obj = {
        "capacity": (before.get("capacity") or {}) | facts.capacity(config.max_pods),
        "allocatable": (before.get("allocatable") or {}) | facts.allocatable(config.max_pods),
        "addresses": [
            {"type": "InternalIP", "address": config.node_ip},
            {"type": "Hostname", "address": config.node_name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": config.port}},
        "nodeInfo": node_info(facts, health, before.get("nodeInfo") or {}),
        "images": node_images(health.images) if health.version else before.get("images") or [],
    }
    kept = [dict(c) for c in before.get("conditions") or ()]
    for condition in node_conditions(node, health):
        conditions.set_condition(kept, condition | {"lastHeartbeatTime": now}, now)
    status["conditions"] = kept
    return status


def node_info(facts: MachineFacts, health: RuntimeHealth, before: Obj) -> Obj:
    version = health.version
    runtime = before.get("containerRuntimeVersion") or "Unknown"
    return {
        "architecture": facts.architecture,
        "bootID": facts.boot_id,
        "containerRuntimeVersion": f"{version.name}://{version.version.removeprefix('v')}"
        if version
        else runtime,
        "kernelVersion": facts.kernel_version,
        "kubeProxyVersion": "",
        "kubeletVersion": kubelet_version(),
        "machineID": facts.machine_id,
        "operatingSystem": "linux",
        "osImage": facts.os_image,
        "systemUUID": facts.system_uuid,
    }


def kubelet_version() -> str:
    return f"v{kubepy.KUBERNETES_VERSION.removeprefix('v')}"


def node_images(images: Sequence[Image]) -> list[Obj]:
    """The largest images, with their names."""
    named = [i for i in images if i.tags or i.digests]
    largest = sorted(named, key=lambda i: (-i.size, i.id))[:MAX_IMAGES]
    return [{"names": [*i.digests, *i.tags][:MAX_IMAGE_NAMES], "sizeBytes": i.size} for i in largest]


def node_conditions(node: Obj, health: RuntimeHealth) -> list[Obj]:
    """In the kubelet's order, Ready last."""
    fine = [
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ]
    found = [
        {"type": type, "status": "False", "reason": reason, "message": message}
        for type, reason, message in fine
    ]
    problems = ready_problems(health)
    if problems:
        message = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        ready = {"status": "False", "reason": "KubeletNotReady", "message": message}
    else:
        ready = {
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
        }
    return [*found, {"type": "Ready", **ready}]


def ready_problems(health: RuntimeHealth) -> list[str]:
    """Why the node is not ready, in the kubelet's words; empty when it is."""
    if health.version is None:
        return ["container runtime is down", *health.problems]
    problems = []
    for condition in health.conditions:
        if not condition.status:
            what = "network" if condition.type == "NetworkReady" else ""
            problems.append(
                f"container runtime {what + ' ' if what else ''}not ready: {condition.type}=false "
                f"reason:{condition.reason} message:{condition.message}"
            )
    if not health.conflist_present and not problems:
        problems.append(
            "container runtime network not ready: no CNI configuration yet"
            if health.pod_cidr
            else "node has no pod CIDR yet"
        )
    return [*problems, *health.problems]


def pod_cidrs(node: Obj) -> list[str]:
    spec = node.get("spec") or {}
    return list(spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else []))


def internal_ip(node: Obj) -> str:
    for address in (node.get("status") or {}).get("addresses") or ():
        if address.get("type") == "InternalIP":
            return str(address.get("address") or "")
    return ""


def without_heartbeats(status: Obj) -> Obj:
    """For telling whether anything changed but the time."""
    return status | {
        "conditions": [
            {k: v for k, v in c.items() if k != "lastHeartbeatTime"} for c in status.get("conditions") or ()
        ]
    }
