"""Has a machine's containerd pull the images of its mirror, before any pod asks for them."""

from __future__ import annotations

import subprocess

from kubepy.cluster import containerd, network
from kubepy.cluster.paths import Paths
from kubepy.cluster.topology import Machine, Topology


def load(paths: Paths, topology: Topology, machine: Machine, references: list[str]) -> None:
    """Pull ``references`` on ``machine``; raises CalledProcessError with ctr's message."""
    hosts = paths.machine_etc(machine.name) / "containerd/certs.d"
    namespace = network.NETNS_DIRECTORY / topology.netns(machine)
    ctr = ["ctr", "--address", str(containerd.socket_path(paths, machine.name)), "--namespace", "k8s.io"]
    for reference in references:
        command = [
            "nsenter",
            f"--net={namespace}",
            *ctr,
            "images",
            "pull",
            "--hosts-dir",
            str(hosts),
            reference,
        ]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
