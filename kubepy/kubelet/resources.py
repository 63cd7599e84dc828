"""CPU and memory of containers and pods, as the kernel's cgroups take them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import parse_bytes, parse_cpu_milli

MIN_SHARES = 2
MAX_SHARES = 262144
SHARES_PER_CPU = 1024
QUOTA_PERIOD = 100_000
MIN_QUOTA = 1000

GUARANTEED_OOM_SCORE = -997
BEST_EFFORT_OOM_SCORE = 1000


@dataclass(frozen=True)
class CgroupResources:
    """CPU weight, CPU quota in microseconds a period, memory in bytes; 0 means no limit."""

    cpu_shares: int = MIN_SHARES
    cpu_quota: int = 0
    memory_limit: int = 0


def is_restartable_init(container: Obj) -> bool:
    """Whether an init container is a sidecar: it stays while the pod runs."""
    return container.get("restartPolicy") == "Always"


def cpu_milli(container: Obj, kind: str) -> int:
    """Requested ("requests") or allowed ("limits") thousandths of a CPU, 0 when not said."""
    return parse_cpu_milli(((container.get("resources") or {}).get(kind) or {}).get("cpu") or 0)


def memory_bytes(container: Obj, kind: str) -> int:
    return parse_bytes(((container.get("resources") or {}).get(kind) or {}).get("memory") or 0)


def milli_to_shares(milli: int) -> int:
    if milli == 0:
        return MIN_SHARES
    return max(MIN_SHARES, min(MAX_SHARES, milli * SHARES_PER_CPU // 1000))


def milli_to_quota(milli: int) -> int:
    return 0 if milli == 0 else max(MIN_QUOTA, milli * QUOTA_PERIOD // 1000)


def container_resources(container: Obj) -> CgroupResources:
    """A container's own: a limit without a request is a request too."""
    limit = cpu_milli(container, "limits")
    request = cpu_milli(container, "requests") or limit
    return CgroupResources(milli_to_shares(request), milli_to_quota(limit), memory_bytes(container, "limits"))


def oom_score_adj(container: Obj, qos: str, memory_capacity: int, priority: int = 0) -> int:
    """Who is killed first when memory runs out: the less a container asked for, the sooner."""
    if priority >= 2_000_000_000 or qos == "Guaranteed":
        return GUARANTEED_OOM_SCORE
    if qos == "BestEffort" or memory_capacity == 0:
        return BEST_EFFORT_OOM_SCORE
    score = 1000 - 1000 * memory_bytes(container, "requests") // memory_capacity
    return max(1000 + GUARANTEED_OOM_SCORE, min(score, BEST_EFFORT_OOM_SCORE - 1))


def pod_resources(pod: Obj, qos: str) -> CgroupResources:
    """What the pod's own cgroup is given (ResourceConfigForPod)."""
    spec = pod.get("spec") or {}
    containers, init = spec.get("containers") or [], spec.get("initContainers") or []
    requests = _pod_sum(containers, init, "requests", "cpu")
    limits = _pod_sum(containers, init, "limits", "cpu")
    memory = _pod_sum(containers, init, "limits", "memory")
    sidecars = [c for c in init if is_restartable_init(c)]
    lasting = [*containers, *sidecars]
    pod_level = spec.get("resources") or {}
    quota = milli_to_quota(limits) if all(cpu_milli(c, "limits") for c in lasting) else 0
    limit = memory if all(memory_bytes(c, "limits") for c in lasting) else 0
    if pod_level:
        holder = {"resources": pod_level}
        requests = cpu_milli(holder, "requests") or requests
        quota = milli_to_quota(cpu_milli(holder, "limits")) or quota
        limit = memory_bytes(holder, "limits") or limit
    if qos == "BestEffort":
        return CgroupResources()
    return CgroupResources(milli_to_shares(requests), quota, limit)


def _pod_sum(containers: Iterable[Obj], init: Iterable[Obj], kind: str, resource: str) -> int:
    """Sum over the containers, or what the largest init container needs beside the sidecars before it."""
    amount = cpu_milli if resource == "cpu" else memory_bytes
    total = sum(amount(c, kind) for c in containers)
    sidecars = largest = 0
    for container in init:
        if is_restartable_init(container):
            sidecars += amount(container, kind)
            largest = max(largest, sidecars)
        else:
            largest = max(largest, sidecars + amount(container, kind))
    return max(total + sidecars, largest)
