"""The scheduler as a process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import anyio

from kubepy.client import Client, ClientConfig, EventRecorder, LeaderElector
from kubepy.informer import SharedInformerFactory
from kubepy.scheduler.config import SchedulerConfig
from kubepy.scheduler.scheduler import Scheduler
from kubepy.util.clock import Clock

LEASE = ("kube-system", "kube-scheduler")


async def run(config: SchedulerConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Schedule until cancelled, while leading; raises LeadershipLost when the lease is lost."""
    client_config = ClientConfig.from_kubeconfig(config.kubeconfig)
    async with Client(client_config, user_agent="kubepy-scheduler", clock=clock) as client:
        factory = SharedInformerFactory(client, clock)
        recorder = EventRecorder(client, config.scheduler_name, clock=clock)
        scheduler = Scheduler(client, factory, recorder, clock, config.scheduler_name)
        async with anyio.create_task_group() as group:
            await group.start(factory.run)
            group.start_soon(recorder.run)
            ready()
            await factory.wait_for_sync()
            if config.leader_elect:
                identity = f"{socket.gethostname()}_{os.getpid()}"
                await LeaderElector(client, *LEASE, identity, clock).run(scheduler.run)
            else:
                await scheduler.run()
