"""READY=1 of the scheduler and the controller-manager means that they have read the cluster."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from kubepy.cluster.balancer import Balancer, BalancerConfig
from kubepy.controllers import run as controllers
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.scheduler import run as scheduler
from kubepy.scheduler.config import SchedulerConfig
from kubepy.util.clock import Clock, SystemClock
from tests.apiserver.conftest import Keys, keys, running

__all__ = ["keys"]
pytestmark = pytest.mark.anyio
Component = Callable[..., Awaitable[None]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(
    ("run", "configure"),
    [(scheduler.run, SchedulerConfig), (controllers.run, ControllerManagerConfig)],
    ids=["scheduler", "controller-manager"],
)
async def test_ready_is_said_when_an_api_server_has_come_and_caches_are_filled(
    run: Component, configure: Callable[[Path], Any], keys: Keys, tmp_path: Path
) -> None:
    clock: Clock = SystemClock()
    async with running(keys) as cluster:
        kubeconfig = cluster.kubeconfig(tmp_path)
        port, server = free_port(), f"127.0.0.1:{cluster.server.port}"
        kubeconfig.write_text(kubeconfig.read_text().replace(server, f"127.0.0.1:{port}"))
        ready = [anyio.Event(), anyio.Event()]
        front = Balancer(BalancerConfig("127.0.0.1", port, [server], keys.ca.file), clock)
        async with anyio.create_task_group() as fronts:
            async with anyio.create_task_group() as components:
                for event in ready:  # one leads, one stands by: both are ready
                    components.start_soon(lambda e=event: run(configure(kubeconfig), clock, ready=e.set))
                await anyio.sleep(0.5)
                assert not any(event.is_set() for event in ready)
                fronts.start_soon(front.run, lambda: None)
                with anyio.fail_after(20):
                    for event in ready:
                        await event.wait()
                components.cancel_scope.cancel()
            fronts.cancel_scope.cancel()
        await anyio.sleep(0.1)  # for the connections that the front has cut
