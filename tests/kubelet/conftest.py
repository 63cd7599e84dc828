"""One real node: an API server, containerd and a kubelet in a network namespace of their own."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from kubepy.api import resources as r
from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.cluster import lifecycle, network
from kubepy.cluster.configuration import Configuration
from kubepy.cluster.images import recipes
from kubepy.cluster.images.oci import ImageLayout
from kubepy.cluster.paths import Paths
from kubepy.cluster.processes import read_pidfile
from kubepy.cluster.supervisor import MachineConfig
from kubepy.cluster.topology import Topology
from kubepy.machinery import conditions, errors
from kubepy.util import config
from kubepy.util.clock import SystemClock

COMPONENTS = ("apiserver", "containerd", "kubelet")
TOPOLOGY = Topology(name="klt", workers=0, subnet="10.243.9.0/24", pod_cidr="10.246.0.0/16")
POD_CIDR = "10.246.0.0/24"


@dataclass
class RealNode:
    """The node's name, and how to reach its API server."""

    paths: Paths

    @property
    def name(self) -> str:
        return TOPOLOGY.master.name

    def client(self) -> Client:
        return Client(ClientConfig.from_kubeconfig(self.paths.admin_kubeconfig))

    @property
    def kubelet_root(self) -> Path:
        return self.paths.machine_var(self.name) / "kubelet"

    def kill(self, component: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        process = read_pidfile(self.paths.machine_run(self.name) / f"{component}.pid")
        assert process is not None
        os.kill(process.pid, 9)

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if shutil.which("kubectl") is None:
            pytest.skip("no stock kubectl on this machine")
        command = ["kubectl", "--kubeconfig", str(self.paths.admin_kubeconfig), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.fixture(scope="session")
def node() -> Iterator[RealNode]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for tool in ("containerd", "runc", "nsenter", "busybox"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    root = Path(tempfile.mkdtemp(prefix="klt-"))
    paths = Paths(root)
    supervisor = None
    try:
        supervisor = _start(paths)
        anyio.run(_prepare, RealNode(paths))
        yield RealNode(paths)
    finally:
        anyio.run(lambda: lifecycle.down(paths, SystemClock(), lifecycle.Report(), purge=True))
        if supervisor is not None:
            supervisor.wait(10)
        shutil.rmtree(root, ignore_errors=True)


def _start(paths: Paths) -> subprocess.Popen[bytes]:
    layout = ImageLayout(paths.images)
    paths.images.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        layout.add(recipes.pause(Path(scratch)))
        layout.add(recipes.busybox())
    network.ensure_network(TOPOLOGY, paths.var / "host.json")
    configuration = Configuration(TOPOLOGY, paths, datetime.now(UTC))
    configuration.write()
    file = configuration.machine_file(TOPOLOGY.master)
    machine = config.load(MachineConfig, file)
    wanted = [c for c in machine.components if c.name in COMPONENTS]
    file.write_text(config.dump(replace(machine, components=wanted)))
    log = paths.machine_log(TOPOLOGY.master.name) / "machine.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [
                "nsenter",
                f"--net={network.NETNS_DIRECTORY / TOPOLOGY.netns(TOPOLOGY.master)}",
                *(sys.executable, "-m", "kubepy", "machine", "--config", str(file)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _prepare(node: RealNode) -> None:
    """What the controllers would do: a pod CIDR, the service account, the CA's config map."""
    deadline = time.monotonic() + 60
    async with node.client() as client:

        async def until(call: Callable[[], Any]) -> None:
            while True:
                try:
                    if await call():
                        return
                except (errors.StatusError, ConnectionFailed):
                    pass
                assert time.monotonic() < deadline, (
                    node.paths.machine_log(node.name) / "kubelet.log"
                ).read_text()[-3000:]
                await anyio.sleep(0.1)

        cidr = {"spec": {"podCIDR": POD_CIDR, "podCIDRs": [POD_CIDR]}}
        await until(lambda: client.patch(r.NODES, node.name, cidr))
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        await client.create(r.SERVICE_ACCOUNTS, account, namespace="default")
        ca = (node.paths.pki / "ca.crt").read_text()
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "kube-root-ca.crt"},
            "data": {"ca.crt": ca},
        }
        await client.create(r.CONFIG_MAPS, config_map, namespace="default")

        async def ready() -> bool:
            return conditions.is_true(await client.get(r.NODES, node.name), "Ready")

        await until(ready)
