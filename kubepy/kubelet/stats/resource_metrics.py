"""/metrics/resource: what the metrics server reads. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kubepy.kubelet.stats.sample import NodeSample

NANOSECONDS = 1e9


class Series(NamedTuple):
    """One number with its labels; ``at`` is when it was measured, None when that is now."""

    labels: dict[str, str]
    value: float
    at: float | None = None


def text(sample: NodeSample) -> str:
    """The sample in Prometheus' format, with the time of each measurement."""
    node, pods = sample.resources, sample.pods
    containers = [
        ({"container": c.name, "namespace": p.namespace, "pod": p.name}, c)
        for p in pods
        for c in p.containers
    ]
    by_pod = [({"namespace": p.namespace, "pod": p.name}, p.resources) for p in pods]
    return "".join(
        (
            _family(
                "container_cpu_usage_seconds_total",
                "counter",
                "Cumulative cpu time consumed by the container in core-seconds",
                (Series(ls, c.resources.cpu / NANOSECONDS, c.resources.at) for ls, c in containers),
            ),
            _family(
                "container_memory_working_set_bytes",
                "gauge",
                "Current working set of the container in bytes",
                (Series(ls, c.resources.working_set, c.resources.at) for ls, c in containers),
            ),
            _family(
                "container_start_time_seconds",
                "gauge",
                "Start time of the container since unix epoch in seconds",
                (Series(ls, c.started) for ls, c in containers),
            ),
            _family(
                "node_cpu_usage_seconds_total",
                "counter",
                "Cumulative cpu time consumed by the node in core-seconds",
                [Series({}, node.cpu / NANOSECONDS, node.at)],
            ),
            _family(
                "node_memory_working_set_bytes",
                "gauge",
                "Current working set of the node in bytes",
                [Series({}, node.working_set, node.at)],
            ),
            _family(
                "pod_cpu_usage_seconds_total",
                "counter",
                "Cumulative cpu time consumed by the pod in core-seconds",
                (Series(ls, r.cpu / NANOSECONDS, r.at) for ls, r in by_pod),
            ),
            _family(
                "pod_memory_working_set_bytes",
                "gauge",
                "Current working set of the pod in bytes",
                (Series(ls, r.working_set, r.at) for ls, r in by_pod),
            ),
            _family(
                "resource_scrape_error",
                "gauge",
                "1 if there was an error while getting container metrics, 0 otherwise",
                [Series({}, 0)],
            ),
        )
    )


def _family(name: str, type: str, help: str, series: Iterable[Series]) -> str:
    lines = [f"# HELP {name} [STABLE] {help}", f"# TYPE {name} {type}"]
    for labels, value, at in series:
        shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
        stamp = f" {int(at * 1000)}" if at is not None else ""
        lines.append(f"{name}{f'{{{shown}}}' if shown else ''} {value!r}{stamp}")
    return "\n".join(lines) + "\n"
