"""The cluster of the examples' tests: API server, controllers, scheduler and a simulated node, in process."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
import yaml

from kubepy.apiserver.config import APIServerConfig
from kubepy.apiserver.run import open_storage
from kubepy.apiserver.server import APIServer
from kubepy.client import Client, ClientConfig
from kubepy.cluster.pki import Identity, Pki
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.controllers.run import run as run_controllers
from kubepy.scheduler.config import SchedulerConfig
from kubepy.scheduler.run import run as run_scheduler
from kubepy.simnode import SimNodeConfig, SimulatedNodes
from kubepy.util.clock import SystemClock


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Cluster:
    """`client` is the administrator's."""

    client: Client
    client_config: ClientConfig
    kubeconfig: str


@pytest.fixture
async def kube_cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    pki = Pki(tmp_path, datetime.now(UTC))
    serving = pki.ensure("server", Identity("test", (), ("localhost",), ("127.0.0.1",), server=True))
    admin = pki.ensure("admin", Identity("kubernetes-admin", ("system:masters",)))
    private, public = pki.ensure_service_account_key()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    clock = SystemClock()
    config = APIServerConfig(
        bind_address="127.0.0.1",
        secure_port=port,
        storage="memory",
        tls_cert_file=serving.certificate,
        tls_private_key_file=serving.key,
        client_ca_file=pki.ca.certificate,
        service_account_signing_key_file=private,
        service_account_key_files=[public],
    )
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(pki.ca.certificate)}
    user = {"client-certificate": str(admin.certificate), "client-key": str(admin.key)}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": user}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    client_config = ClientConfig.from_kubeconfig(kubeconfig)
    storage = await open_storage(config, clock)
    async with anyio.create_task_group() as group, Client(client_config) as client:
        await group.start(APIServer(config, clock, storage).run)
        managed = ControllerManagerConfig(kubeconfig, leader_elect=False, root_ca_file=pki.ca.certificate)
        scheduled = SchedulerConfig(kubeconfig, leader_elect=False)
        group.start_soon(lambda: run_controllers(managed, clock, ready=lambda: None))
        group.start_soon(lambda: run_scheduler(scheduled, clock, ready=lambda: None))
        group.start_soon(SimulatedNodes(client, clock, SimNodeConfig(nodes=2)).run)
        yield Cluster(client, client_config, str(kubeconfig))
        group.cancel_scope.cancel()
    await storage.aclose()
