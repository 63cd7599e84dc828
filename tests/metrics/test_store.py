"""Kubelets' text becomes points, points become usage."""

from __future__ import annotations

import pytest

from kubepy.metrics import objects
from kubepy.metrics.exposition import node_points, numbers
from kubepy.metrics.scraper import url_of
from kubepy.metrics.store import NodePoints, Point, Store, Usage

KUBELET = """
# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 12.5 100500
container_cpu_usage_seconds_total{container="no-memory",namespace="ns",pod="p"} 1 100500
container_memory_working_set_bytes{container="c",namespace="ns",pod="p"} 2.097152e+06 100400
container_start_time_seconds{container="c",namespace="ns",pod="p"} 40.25
node_cpu_usage_seconds_total 99 100600
node_memory_working_set_bytes 4096 100600
broken{ 1
resource_scrape_error 0
"""


def test_text_is_read() -> None:
    found = node_points(KUBELET)
    assert found.node == Point(100.6, 99.0, 4096)
    assert found.pods == {("ns", "p"): {"c": Point(100.5, 12.5, 2 << 20, 40.25)}}
    assert next(numbers('m{a="x,y=\\"z\\"}",b=""} 1')).labels == {"a": 'x,y=\\"z\\"}', "b": ""}


def put(store: Store, at: float, cpu: float, started: float = 0.0, **containers: Point) -> None:
    pods = {("ns", "p"): {"c": Point(at, cpu, 100, started), **containers}}
    store.put("n", NodePoints(Point(at, 2 * cpu, 1000), pods))


def test_usage_is_the_rate_between_two_measurements() -> None:
    store = Store(15)
    put(store, 1000, 5)
    assert store.node("n") is None
    assert store.pod("ns", "p") is None
    put(store, 1015, 8)
    assert store.node("n") == Usage(1015, 15, 0.4, 1000)
    assert store.pod("ns", "p") == {"c": Usage(1015, 15, 0.2, 100)}
    put(store, 1015, 8)  # the same again: the older one is kept to measure from
    assert store.pod("ns", "p") == {"c": Usage(1015, 15, 0.2, 100)}
    assert store.pod("ns", "other") is None
    store.drop("n")
    assert store.pod("ns", "p") is None


def test_a_restart_is_no_negative_usage_and_a_young_container_counts_from_its_start() -> None:
    store = Store(15)
    put(store, 1000, 50, started=500)
    put(store, 1015, 1, started=1012)
    assert store.pod("ns", "p") is None
    put(store, 1030, 4, started=1012)
    assert store.pod("ns", "p") == {"c": Usage(1030, 15, 0.2, 100)}
    young = Store(15)
    put(young, 1000, 3, started=988)
    assert young.pod("ns", "p") == {"c": Usage(1000, 12, 0.25, 100)}
    put(young, 1015, 6, started=988, sidecar=Point(1015, 1, 1, 1014))
    assert young.pod("ns", "p") is None  # a sum without one of its parts would be a lie


def test_nodes_that_are_gone_are_forgotten() -> None:
    store = Store(15)
    put(store, 1000, 1)
    put(store, 1015, 2)
    store.keep({"other"})
    assert store.node("n") is None


def test_objects() -> None:
    pod = {"metadata": {"name": "p", "namespace": "ns", "labels": {"a": "b"}}}
    made = objects.pod_metrics(pod, {"c": Usage(0.5, 15.0024, 0.25, 3 << 20), "d": Usage(9, 1, 0, 1)}, "now")
    assert made["timestamp"] == "1970-01-01T00:00:00Z"
    assert made["window"] == "15.002s"
    assert made["containers"] == [
        {"name": "c", "usage": {"cpu": "250000000n", "memory": "3072Ki"}},
        {"name": "d", "usage": {"cpu": "0", "memory": "0Ki"}},
    ]
    assert made["metadata"] == {
        "name": "p",
        "namespace": "ns",
        "labels": {"a": "b"},
        "creationTimestamp": "now",
    }


@pytest.mark.parametrize(("seconds", "text"), [(15, "15s"), (75.5, "1m15.5s"), (0.25, "0.25s")])
def test_windows_read_as_go_writes_them(seconds: float, text: str) -> None:
    assert objects.duration(seconds) == text


def test_where_a_kubelet_is() -> None:
    addresses = [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "fd00::1"}]
    port = {"kubeletEndpoint": {"Port": 10255}}
    node = {"status": {"addresses": addresses, "daemonEndpoints": port}}
    assert url_of(node) == "https://[fd00::1]:10255/metrics/resource"
    assert url_of({"status": {}}) is None
