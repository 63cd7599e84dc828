"""/stats/summary: the kubelet's Summary API (stats/v1alpha1). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubepy.kubelet.stats.sample import (
    ContainerSample,
    FileSystem,
    Interface,
    NodeSample,
    PodSample,
    Resources,
)
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339


def summary(now: NodeSample, before: NodeSample | None, *, only_cpu_and_memory: bool = False) -> Obj:
    """The document; rates are of the time between the samples."""
    earlier = {pod.uid: pod for pod in before.pods} if before is not None else {}
    pods = [_pod(pod, earlier.get(pod.uid), now, only_cpu_and_memory) for pod in now.pods]
    node: Obj = {
        "nodeName": now.name,
        "startTime": rfc3339(now.started),
        "cpu": _cpu(now.resources, before.resources if before is not None else None),
        "memory": {
            **_memory(now.resources),
            "availableBytes": now.memory_capacity - now.resources.working_set,
        },
    }
    if not only_cpu_and_memory:
        stamp = rfc3339(now.at)
        node |= {
            "network": _network(now.interfaces, stamp),
            "fs": {"time": stamp, **_file_system(now.file_system)},
            "runtime": {"imageFs": {"time": stamp, **_file_system(now.file_system)}},
            "rlimit": {"time": stamp, "maxpid": now.process_limit, "curproc": now.processes},
        }
    return {"node": node, "pods": pods}


def _pod(pod: PodSample, before: PodSample | None, now: NodeSample, only_cpu_and_memory: bool) -> Obj:
    earlier: Mapping[str, ContainerSample] = {}
    if before is not None:
        earlier = {container.name: container for container in before.containers}
    stamp = rfc3339(now.at)
    made: Obj = {
        "podRef": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "startTime": rfc3339(pod.started),
        "containers": [_container(c, earlier.get(c.name), now, only_cpu_and_memory) for c in pod.containers],
        "cpu": _cpu(pod.resources, before.resources if before is not None else None),
        "memory": _memory(pod.resources),
    }
    if not only_cpu_and_memory:
        used = sum(c.root_used + c.logs_used for c in pod.containers) + sum(v.used for _, v in pod.volumes)
        disk = _file_system(now.file_system)
        made |= {
            "volume": [{"time": stamp, **_file_system(size), "name": name} for name, size in pod.volumes],
            "ephemeral-storage": {"time": stamp, **disk, "usedBytes": used},
            "process_stats": {"process_count": pod.processes},
        }
        if pod.interfaces:
            made["network"] = _network(pod.interfaces, stamp)
    return made


def _container(
    container: ContainerSample, before: ContainerSample | None, now: NodeSample, only_cpu_and_memory: bool
) -> Obj:
    same = before is not None and before.started == container.started
    made: Obj = {
        "name": container.name,
        "startTime": rfc3339(container.started),
        "cpu": _cpu(container.resources, before.resources if before is not None and same else None),
        "memory": _memory(container.resources),
    }
    if not only_cpu_and_memory:
        stamp = rfc3339(container.resources.at)
        disk = _file_system(now.file_system)
        root = {"usedBytes": container.root_used, "inodesUsed": container.root_inodes}
        made |= {
            "rootfs": {"time": stamp, **disk, **root},
            "logs": {"time": stamp, **disk, "usedBytes": container.logs_used},
        }
    return made


def _cpu(now: Resources, before: Resources | None) -> Obj:
    made: Obj = {"time": rfc3339(now.at)}
    if before is not None and now.at > before.at and now.cpu >= before.cpu:
        made["usageNanoCores"] = int((now.cpu - before.cpu) / (now.at - before.at))
    return {**made, "usageCoreNanoSeconds": now.cpu}


def _memory(found: Resources) -> Obj:
    return {
        "time": rfc3339(found.at),
        "usageBytes": found.memory,
        "workingSetBytes": found.working_set,
        "rssBytes": found.rss,
        "pageFaults": found.page_faults,
        "majorPageFaults": found.major_page_faults,
    }


def _network(interfaces: Iterable[Interface], stamp: str) -> Obj:
    listed = [
        {
            "name": each.name,
            "rxBytes": each.rx_bytes,
            "rxErrors": each.rx_errors,
            "txBytes": each.tx_bytes,
            "txErrors": each.tx_errors,
        }
        for each in interfaces
    ]
    first = next((each for each in listed if each["name"] == "eth0"), listed[0] if listed else {})
    return {"time": stamp, **first, "interfaces": listed}


def _file_system(found: FileSystem) -> Obj:
    return {
        "availableBytes": found.available,
        "capacityBytes": found.capacity,
        "usedBytes": found.used,
        "inodesFree": found.inodes_free,
        "inodes": found.inodes,
        "inodesUsed": found.inodes_used,
    }
