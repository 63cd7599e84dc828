"""The objects of metrics.k8s.io/v1beta1. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.metrics.store import Usage

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"
_VERSION = {"groupVersion": API_VERSION, "version": VERSION}
API_GROUP: Obj = {
    "kind": "APIGroup",
    "apiVersion": "v1",
    "name": GROUP,
    "versions": [_VERSION],
    "preferredVersion": _VERSION,
}
RESOURCES: Obj = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": API_VERSION,
    "resources": [
        {
            "name": "nodes",
            "singularName": "",
            "namespaced": False,
            "kind": "NodeMetrics",
            "verbs": ["get", "list"],
        },
        {
            "name": "pods",
            "singularName": "",
            "namespaced": True,
            "kind": "PodMetrics",
            "verbs": ["get", "list"],
        },
    ],
}


def node_metrics(node: Obj, usage: Usage, now: str) -> Obj:
    return {
        "kind": "NodeMetrics",
        "apiVersion": API_VERSION,
        "metadata": _metadata(node, now),
        "timestamp": rfc3339(usage.at),
        "window": duration(usage.window),
        "usage": amounts(usage),
    }


def pod_metrics(pod: Obj, containers: Mapping[str, Usage], now: str) -> Obj:
    """The time of the oldest measurement counts, as it is the sum that people look at."""
    oldest = min(containers.values(), key=lambda usage: usage.at)
    return {
        "kind": "PodMetrics",
        "apiVersion": API_VERSION,
        "metadata": _metadata(pod, now),
        "timestamp": rfc3339(oldest.at),
        "window": duration(oldest.window),
        "containers": [{"name": name, "usage": amounts(usage)} for name, usage in containers.items()],
    }


def listed(kind: str, items: Iterable[Obj]) -> Obj:
    return {"kind": kind, "apiVersion": API_VERSION, "metadata": {}, "items": list(items)}


def amounts(usage: Usage) -> dict[str, str]:
    """As the metrics server writes them: nanocores, and whole Ki."""
    return {
        "cpu": f"{round(usage.cpu * 1e9)}n" if usage.cpu > 0 else "0",
        "memory": f"{usage.memory >> 10}Ki",
    }


def duration(seconds: float) -> str:
    """In Go's words, to the millisecond: "15.002s", "1m15s"."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    shown = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{shown}s" if minutes else f"{shown}s"


def _metadata(obj: Obj, now: str) -> Obj:
    made: Obj = {"name": meta.name(obj), "creationTimestamp": now}
    if meta.namespace(obj):
        made["namespace"] = meta.namespace(obj)
    if meta.labels(obj):
        made["labels"] = meta.labels(obj)
    return made
