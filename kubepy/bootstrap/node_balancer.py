"""The balancer on each node of a cluster with several masters: kubelet and proxy depend on none of them."""

from __future__ import annotations

from kubepy.bootstrap.settings import BALANCER_PORT
from kubepy.cluster.balancer import BalancerConfig
from kubepy.cluster.paths import Paths, write_file
from kubepy.util import config


def write(paths: Paths, node_name: str, servers: list[str]) -> None:
    """Its configuration; it asks with the node's own certificate who the API servers are."""
    etc = paths.machine_etc(node_name)
    balancer = BalancerConfig(
        address="127.0.0.1",
        port=BALANCER_PORT,
        servers=servers,
        ca_file=paths.pki / "ca.crt",
        kubeconfig=etc / "kubelet.kubeconfig",
        servers_file=paths.machine_var(node_name) / "balancer/servers.json",
    )
    write_file(etc / "balancer.yaml", config.dump(balancer))
