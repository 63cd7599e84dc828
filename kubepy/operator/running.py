"""An operator as a program: configuration, signals, leader election, exit status."""

import os
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from kubepy.client import Client, ClientConfig, LeaderElector
from kubepy.operator.manager import Manager
from kubepy.util import logging
from kubepy.util.clock import Clock, SystemClock
from kubepy.util.tasks import run_component

Setup = Callable[[Manager], Awaitable[Any]]


def elector(client: Client, name: str, *, namespace: str | None = None) -> LeaderElector:
    """Competes for the Lease `name`, in the client's own namespace, as a process that has no like."""
    identity = f"{os.uname().nodename}_{uuid.uuid4()}"
    return LeaderElector(client, namespace or client.config.namespace, name, identity, client.clock)


async def serve(
    setup: Setup,
    *,
    name: str,
    config: ClientConfig | None = None,
    clock: Clock | None = None,
    leader_election: bool = False,
    health_address: str | None = None,
    metrics_address: str | None = None,
    graceful_timeout: float = 30.0,
) -> None:
    """Run an operator until cancelled: await `setup(manager)`, then the manager.

    `config` is by default the pod's service account, outside of a pod the kubeconfig.
    """
    config = config or ClientConfig.load()
    async with Client(config, user_agent=name, clock=clock or SystemClock()) as client:
        manager = Manager(
            client,
            recorder_component=name,
            leader_elector=elector(client, name) if leader_election else None,
            health_address=health_address,
            metrics_address=metrics_address,
            graceful_timeout=graceful_timeout,
        )
        await setup(manager)
        await manager.run()


def run(
    setup: Setup,
    *,
    name: str,
    log_format: Literal["json", "console"] = "json",
    log_level: str = "info",
    uvloop: bool = True,
    **options: Any,
) -> int:
    """Run an operator until SIGTERM or SIGINT; the exit status. `options` are those of `serve`.

    The event loop is uvloop's, or asyncio's own with `uvloop=False`.

    if __name__ == "__main__":
        sys.exit(run(setup, name="web-operator", leader_election=True))
    """
    logging.configure(name, level=log_level, fmt=log_format)
    return run_component(lambda: serve(setup, name=name, **options), use_uvloop=uvloop)
