"""/metrics in Prometheus' text format."""

from __future__ import annotations

from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.pod_workers import PodWorkers


async def metrics_text(node: NodeContext, workers: PodWorkers) -> str:
    """A few gauges of the kubelet itself. Raises CRIError."""
    running = [c for c in await node.runtime.list_containers() if c.state == "running"]
    sandboxes = [s for s in await node.runtime.list_pod_sandboxes() if s.ready]
    gauges = [
        ("kubelet_node_name", f'{{node="{node.config.node_name}"}}', 1, "The node's name."),
        ("kubelet_running_pods", "", len(sandboxes), "Number of pods that have a running pod sandbox"),
        ("kubelet_running_containers", '{container_state="running"}', len(running), "Number of containers"),
        ("kubelet_working_pods", "", len(workers.known), "Number of pods the kubelet is actually running"),
    ]
    lines = []
    for name, labels, value, help_text in gauges:
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge", f"{name}{labels} {value}"]
    return "\n".join(lines) + "\n"
