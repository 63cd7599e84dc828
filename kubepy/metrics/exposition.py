"""Reads what a kubelet serves as /metrics/resource. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kubepy.metrics.store import NodePoints, Point

LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+(-?\d+))?$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Number(NamedTuple):
    """One line: a metric's name, its labels, its value, and when it was measured (0 when it does not say)."""

    name: str
    labels: dict[str, str]
    value: float
    at: float


def numbers(text: str) -> Iterator[Number]:
    """The lines of Prometheus' text format; those that are none are left out."""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = LINE.match(line)
        if match is None:
            continue
        name, labels, value, at = match.groups()
        try:
            yield Number(name, dict(LABEL.findall(labels or "")), float(value), int(at or 0) / 1000)
        except ValueError:
            continue


def node_points(text: str) -> NodePoints:
    """The measurements of a node and its containers; a container that lacks CPU or memory is left out."""
    cpu: dict[tuple[str, str, str], tuple[float, float]] = {}
    memory: dict[tuple[str, str, str], float] = {}
    started: dict[tuple[str, str, str], float] = {}
    node_cpu: tuple[float, float] | None = None
    node_memory = 0.0
    for name, labels, value, at in numbers(text):
        if name == "node_cpu_usage_seconds_total":
            node_cpu = (value, at)
        elif name == "node_memory_working_set_bytes":
            node_memory = value
        elif name.startswith("container_"):
            key = (labels.get("namespace", ""), labels.get("pod", ""), labels.get("container", ""))
            if name == "container_cpu_usage_seconds_total":
                cpu[key] = (value, at)
            elif name == "container_memory_working_set_bytes":
                memory[key] = value
            elif name == "container_start_time_seconds":
                started[key] = value
    pods: dict[tuple[str, str], dict[str, Point]] = {}
    for key, (seconds, at) in cpu.items():
        namespace, pod, container = key
        if key in memory:
            point = Point(at, seconds, int(memory[key]), started.get(key, 0.0))
            pods.setdefault((namespace, pod), {})[container] = point
    node = Point(node_cpu[1], node_cpu[0], int(node_memory)) if node_cpu is not None else None
    return NodePoints(node, pods)
