"""Nodes: silence, taints, evictions, pod networks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubepy.controllers.node import health
from kubepy.controllers.node.taint_eviction import seconds_left

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EARLIER = "2025-12-31T23:58:00Z"


def node(ready: str = "True", taints: Any = (), **spec: Any) -> dict[str, Any]:
    condition = {
        "type": "Ready",
        "status": ready,
        "lastHeartbeatTime": EARLIER,
        "lastTransitionTime": EARLIER,
    }
    return {
        "metadata": {"name": "w1", "creationTimestamp": EARLIER},
        "spec": {"taints": list(taints), **spec},
        "status": {"conditions": [condition]},
    }


def pod(*tolerations: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"tolerations": list(tolerations)}}


def test_silent_node_becomes_unknown_with_kubernetes_words() -> None:
    listed = {c["type"]: c for c in health.unknown_conditions(node(), NOW)}
    assert listed["Ready"]["status"] == "Unknown"
    assert listed["Ready"]["message"] == "Kubelet stopped posting node status."
    assert listed["Ready"]["lastHeartbeatTime"] == EARLIER
    assert listed["MemoryPressure"]["reason"] == "NodeStatusNeverUpdated"


@pytest.mark.parametrize(
    ("ready", "key"),
    [("False", "node.kubernetes.io/not-ready"), ("Unknown", "node.kubernetes.io/unreachable")],
)
def test_taints_follow_the_ready_condition(ready: str, key: str) -> None:
    foreign = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    found = health.taints(node(ready, [foreign]), NOW)
    assert found[0] == foreign
    assert {(t["key"], t["effect"]) for t in found[1:]} == {(key, "NoSchedule"), (key, "NoExecute")}


def test_taints_keep_their_time_and_go_when_ready_again() -> None:
    first = health.taints(node("Unknown"), NOW)
    again = health.taints(node("Unknown", first), NOW + timedelta(minutes=1))
    assert again == first
    assert health.taints(node("True", first), NOW) == []


def test_cordon_and_pressure_are_taints_too() -> None:
    cordoned = node(unschedulable=True)
    cordoned["status"]["conditions"].append({"type": "MemoryPressure", "status": "True"})
    keys = {t["key"] for t in health.taints(cordoned, NOW)}
    assert keys == {"node.kubernetes.io/memory-pressure", "node.kubernetes.io/unschedulable"}


def tainted(added: str = EARLIER) -> dict[str, Any]:
    taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": added}
    return node("Unknown", [taint])


@pytest.mark.parametrize(
    ("tolerations", "expected"),
    [
        ([], 0.0),
        ([{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}], None),
        (
            [
                {
                    "key": "node.kubernetes.io/unreachable",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
            ],
            180.0,
        ),
        ([{"operator": "Exists", "effect": "NoSchedule"}], 0.0),
    ],
)
def test_how_long_a_pod_may_stay(tolerations: list[dict[str, Any]], expected: float | None) -> None:
    assert seconds_left(tainted(), pod(*tolerations), NOW) == expected
