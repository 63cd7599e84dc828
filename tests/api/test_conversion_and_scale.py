"""Kinds served under two names, the scale subresource, and tables of custom resources."""

from datetime import UTC, datetime
from typing import Any

from kubepy.api.conversion import convert
from kubepy.api.printers.custom import custom_printer
from kubepy.api.scale import apply_scale, to_scale
from kubepy.api.scheme import SCHEME
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import deep_copy

V1 = GVK("autoscaling", "v1", "HorizontalPodAutoscaler")
V2 = GVK("autoscaling", "v2", "HorizontalPodAutoscaler")


def test_events_convert_both_ways() -> None:
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "regarding": {"kind": "Pod", "name": "p"},
        "note": "hello",
        "reportingController": "c",
        "action": "Binding",
    }
    core = convert(event, GVK("", "v1", "Event"))
    assert core["involvedObject"] == {"kind": "Pod", "name": "p"}
    assert core["message"] == "hello"
    assert SCHEME.decode(GVK("", "v1", "Event"), deep_copy(core)) == []
    assert convert(core, GVK("events.k8s.io", "v1", "Event")) == event


def test_autoscalers_lose_nothing_on_the_way_through_v1() -> None:
    def resource(name: str) -> dict[str, Any]:
        target = {"type": "Utilization", "averageUtilization": 50}
        return {"type": "Resource", "resource": {"name": name, "target": target}}

    autoscaler: dict[str, Any] = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h", "annotations": {"a": "b"}},
        "spec": {"maxReplicas": 3, "metrics": [resource("cpu"), resource("memory")], "behavior": {"x": 1}},
        "status": {"conditions": [{"type": "AbleToScale", "status": "True"}]},
    }
    before = deep_copy(autoscaler)
    old = convert(autoscaler, V1)
    assert old["spec"] == {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}
    assert convert(old, V2) == before
    assert autoscaler == before


def test_scale() -> None:
    workload = {
        "metadata": {"name": "d", "uid": "u", "labels": {"x": "y"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"a": "b"}}},
        "status": {"replicas": 2},
    }
    scale = to_scale(workload)
    assert scale["metadata"] == {"name": "d", "uid": "u"}
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 2, "selector": "a=b"}
    assert apply_scale(workload, {"spec": {}})["spec"]["replicas"] == 0
    assert workload["spec"]["replicas"] == 3  # type: ignore[index]


def test_custom_columns() -> None:
    declared = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Since", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {"name": "Zone", "type": "string", "jsonPath": ".spec.zones[1]", "priority": 1},
    ]
    printer = custom_printer(declared)
    metadata = {"name": "c", "creationTimestamp": "2026-01-01T00:00:00Z"}
    obj = {"metadata": metadata, "spec": {"size": 4, "zones": ["z"]}}
    now = datetime(2026, 1, 1, 1, 0, 0, tzinfo=UTC)
    assert printer.row(obj, now) == ["c", 4, "60m", None]
    assert [c.name for c in printer.columns] == ["Name", "Size", "Since", "Zone"]
    assert custom_printer([]).row(obj, now) == ["c", "60m"]
