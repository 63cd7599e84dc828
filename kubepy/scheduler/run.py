"""The scheduler as a process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

import anyio

from kubepy.client import Client, ClientConfig, EventRecorder, LeaderElector
from kubepy.informer import SharedInformerFactory
from kubepy.scheduler.config import SchedulerConfig
from kubepy.scheduler.plugins.interface import Factory
from kubepy.scheduler.scheduler import Scheduler
from kubepy.util.clock import Clock

LEASE = ("kube-system", "kube-scheduler")


async def run(
    config: SchedulerConfig,
    clock: Clock,
    *,
    ready: Callable[[], None],
    out_of_tree: Mapping[str, Factory] | None = None,
) -> None:
    """Schedule until cancelled, while leading; raises LeadershipLost when the lease is lost.

    ``ready`` is called when the caches have synced: then it schedules, or would at once if it came to lead.
    ``out_of_tree``: plugins of your own, besides those that the configuration names.
    """
    client_config = ClientConfig.from_kubeconfig(config.kubeconfig)
    async with Client(client_config, user_agent="kubepy-scheduler", clock=clock) as client:
        factory = SharedInformerFactory(client, clock)
        names = [profile.scheduler_name for profile in config.profiles] or [config.scheduler_name]
        recorders = {name: EventRecorder(client, name, clock=clock) for name in names}
        scheduler = Scheduler(client, factory, recorders, clock, config, out_of_tree=out_of_tree)
        async with anyio.create_task_group() as group:
            await group.start(factory.run)
            for recorder in recorders.values():
                group.start_soon(recorder.run)
            await factory.wait_for_sync()
            ready()
            if config.leader_elect:
                identity = f"{socket.gethostname()}_{os.getpid()}"
                elector = LeaderElector(
                    client,
                    *LEASE,
                    identity,
                    clock,
                    lease_duration=config.lease_duration,
                    renew_deadline=config.renew_deadline,
                    retry_period=config.retry_period,
                )
                await elector.run(scheduler.run)
            else:
                await scheduler.run()
