"""kubectl get's cells."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kubepy.api import resources as r
from kubepy.api.printers.pods import summarize
from kubepy.api.scheme import SCHEME
from kubepy.machinery import tables

Obj = dict[str, Any]
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
META = {"name": "x", "creationTimestamp": "2026-01-01T11:55:00Z"}


def cells(gvr: Any, **obj: Any) -> list[Any]:
    return SCHEME.kind(gvr).row({"metadata": META, **obj}, NOW)


def test_each_row_has_a_cell_for_each_column() -> None:
    for resource in SCHEME.resources:
        columns = SCHEME.kind(resource.gvr).columns
        assert len(cells(resource.gvr)) == len(columns), resource.plural
        assert all(column.description for column in columns), resource.plural


def running(name: str, *, ready: bool = True, restarts: int = 0, **state: Any) -> Obj:
    return {
        "name": name,
        "ready": ready,
        "restartCount": restarts,
        "state": state or {"running": {"startedAt": "2026-01-01T11:56:00Z"}},
    }


def pod(statuses: list[Obj], *, phase: str = "Running", init: list[Obj] | None = None, **status: Any) -> Obj:
    return {
        "metadata": dict(META),
        "spec": {
            "containers": [{"name": s["name"]} for s in statuses],
            "initContainers": [{"name": s["name"]} for s in init or []],
        },
        "status": {
            "phase": phase,
            "containerStatuses": statuses,
            "initContainerStatuses": init or [],
            **status,
        },
    }


def stopped(**terminated: Any) -> Obj:
    return running("a", ready=False, terminated=terminated)


def waiting(reason: str) -> Obj:
    return running("a", ready=False, waiting={"reason": reason})


GATED = [{"type": "PodScheduled", "reason": "SchedulingGated"}]


@pytest.mark.parametrize(
    ("obj", "ready", "reason"),
    [
        (pod([running("a"), running("b", ready=False)]), 1, "Running"),
        (pod([waiting("ContainerCreating")], phase="Pending"), 0, "ContainerCreating"),
        (pod([waiting("CrashLoopBackOff")]), 0, "CrashLoopBackOff"),
        (pod([stopped(reason="Completed", exitCode=0)], phase="Succeeded"), 0, "Completed"),
        (pod([stopped(reason="Completed", exitCode=0), running("b")]), 1, "NotReady"),
        (pod([stopped(exitCode=3)], phase="Failed"), 0, "ExitCode:3"),
        (pod([stopped(exitCode=137, signal=9)], phase="Failed"), 0, "Signal:9"),
        (pod([], init=[running("i", ready=False)], phase="Pending"), 0, "Init:0/1"),
        (pod([], init=[stopped(exitCode=1, reason="Error")], phase="Pending"), 0, "Init:Error"),
        (pod([], init=[waiting("PodInitializing")], phase="Pending"), 0, "Init:0/1"),
        (pod([], init=[waiting("ErrImagePull")], phase="Pending"), 0, "Init:ErrImagePull"),
        (pod([], phase="Failed", reason="Evicted"), 0, "Evicted"),
        (pod([], phase="Pending", conditions=GATED), 0, "SchedulingGated"),
    ],
)
def test_pod_status(obj: Obj, ready: int, reason: str) -> None:
    summary = summarize(obj)
    assert (summary.ready, summary.reason) == (ready, reason)


def test_terminating_pods_and_restarts() -> None:
    status = running("a", restarts=3)
    status["lastState"] = {"terminated": {"finishedAt": "2026-01-01T11:58:00Z"}}
    obj = pod([status])
    assert SCHEME.kind(r.PODS).row(obj, NOW)[:5] == ["x", "1/1", "Running", "3 (2m ago)", "5m"]
    obj["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:30Z"
    assert summarize(obj).reason == "Terminating"
    assert [c.name for c in SCHEME.kind(r.PODS).columns if c.priority] == [
        "IP",
        "Node",
        "Nominated Node",
        "Readiness Gates",
    ]


def test_sidecars_count_as_containers() -> None:
    obj = pod([running("a")], init=[{**running("s"), "started": True}])
    obj["spec"]["initContainers"][0]["restartPolicy"] = "Always"
    summary = summarize(obj)
    assert (summary.ready, summary.total, summary.reason) == (2, 2, "Running")


def test_nodes() -> None:
    obj = {
        "metadata": {**META, "labels": {"node-role.kubernetes.io/control-plane": ""}},
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0", "containerRuntimeVersion": "containerd://1.6.20"},
        },
    }
    assert SCHEME.kind(r.NODES).row(obj, NOW) == [
        "x",
        "Ready,SchedulingDisabled",
        "control-plane",
        "5m",
        "v1.36.0",
        "10.0.0.1",
        "<none>",
        "<unknown>",
        "<unknown>",
        "containerd://1.6.20",
    ]


def test_services() -> None:
    ports = [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    spec = {"type": "LoadBalancer", "clusterIP": "10.96.0.1", "ports": ports, "selector": {"a": "b"}}
    assert cells(r.SERVICES, spec=spec) == [
        "x",
        "LoadBalancer",
        "10.96.0.1",
        "<pending>",
        "80:30080/TCP,53/UDP",
        "5m",
        "a=b",
    ]


def test_workloads() -> None:
    template = {"spec": {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "j"}]}}
    spec = {"replicas": 3, "template": template, "selector": {"matchLabels": {"k": "v"}}}
    status = {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}
    assert cells(r.DEPLOYMENTS, spec=spec, status=status) == ["x", "1/3", 2, 1, "5m", "a,b", "i,j", "k=v"]
    job = {"completions": 2, "template": template}
    done = {
        "succeeded": 2,
        "startTime": "2026-01-01T11:55:00Z",
        "completionTime": "2026-01-01T11:55:42Z",
        "conditions": [{"type": "Complete", "status": "True"}],
    }
    assert cells(r.JOBS, spec=job, status=done)[1:5] == ["Complete", "2/2", "42s", "5m"]


def test_endpoints_are_shortened() -> None:
    addresses = [{"ip": f"10.244.0.{n}"} for n in range(1, 6)]
    subsets = [{"addresses": addresses, "ports": [{"port": 80}]}]
    assert cells(r.ENDPOINTS, subsets=subsets)[1] == ("10.244.0.1:80,10.244.0.2:80,10.244.0.3:80 + 2 more...")


def test_other_cells() -> None:
    assert cells(r.ROLES) == ["x", "2026-01-01T11:55:00Z"]
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}}
    assert cells(r.HPAS, spec={"metrics": [metric], "minReplicas": 1, "maxReplicas": 5})[2:6] == [
        "cpu: <unknown>/80%",
        "1",
        5,
        0,
    ]
    event = {
        "type": "Normal",
        "reason": "Pulled",
        "message": "Pulled image\n",
        "involvedObject": {"kind": "Pod", "name": "p"},
        "lastTimestamp": "2026-01-01T11:59:30Z",
        "firstTimestamp": "2026-01-01T11:59:00Z",
        "source": {"component": "kubelet", "host": "w1"},
    }
    row = cells(r.EVENTS, **event)
    assert row[:4] == ["30s", "Normal", "Pulled", "pod/p"]
    assert row[5:9] == ["kubelet, w1", "Pulled image", "60s", 1]


def test_tables() -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": META}
    rows = [tables.row(["x"], obj), tables.row(["x"], obj, "None"), tables.row(["x"], obj, "Object")]
    made = tables.table(SCHEME.kind(r.PODS).columns, rows, resource_version="7", continue_="c")
    assert made["columnDefinitions"][0]["format"] == "name"
    assert made["metadata"] == {"resourceVersion": "7", "continue": "c"}
    assert [row["object"] for row in made["rows"]] == [
        {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": META},
        None,
        obj,
    ]
