"""What asynchronous tests may rely on: their own event loop counts as part of the cluster."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from kubepy.api.resources import CONFIG_MAPS, DEPLOYMENTS, SECRETS
from kubepy.client import Client
from kubepy.operator import Controller, Manager, Request, Result
from kubepy.testing import Cluster

from .objects import config_map, deployment

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def operator(cluster: Cluster, turns: list[float], again: float | None = None) -> AsyncIterator[Client]:
    """Makes a Secret of each ConfigMap's name, in this event loop and the cluster's time."""
    async with Client(cluster.client_config) as client:
        manager = Manager(client, cluster.clock)
        maps = manager.lister(CONFIG_MAPS, namespace="default")

        async def reconcile(request: Request) -> Result | None:
            if maps.get(request.name, request.namespace) is None or not request.name.startswith("wanted"):
                return None
            turns.append(cluster.clock.monotonic())
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": request.name}}
            if len(turns) == 1 or again is None:
                await client.create(SECRETS, secret, namespace=request.namespace)
            return None if again is None else Result(requeue_after=again)

        manager.add(Controller("maps", reconcile).for_(CONFIG_MAPS, namespace="default"))
        async with anyio.create_task_group() as group:
            await group.start(manager.run)
            yield client
            group.cancel_scope.cancel()


@pytest.mark.parametrize("turn", range(8))
async def test_a_cluster_settles_when_the_operator_in_the_tests_loop_has(
    kube_cluster: Cluster, turn: int
) -> None:
    async with operator(kube_cluster, []) as client:
        for number in range(3):
            await kube_cluster.client.create(CONFIG_MAPS, config_map(f"wanted-{number}"))
        await kube_cluster.settle()
        listed = await kube_cluster.client.list(SECRETS, namespace="default")
        assert len(listed["items"]) == 3
        await client.delete(CONFIG_MAPS, "wanted-1", namespace="default")
        await kube_cluster.settle()


@pytest.mark.parametrize(
    "frozen",
    [
        pytest.param(frozen, marks=pytest.mark.kube_cluster(frozen=frozen), id="frozen" if frozen else "runs")
        for frozen in (False, True)
    ],
)
async def test_the_cluster_clock_passes_for_what_runs_in_the_tests_loop(
    kube_cluster: Cluster, frozen: bool
) -> None:
    assert kube_cluster.clock.frozen == frozen
    turns: list[float] = []
    async with operator(kube_cluster, turns, again=60):
        await kube_cluster.client.create(CONFIG_MAPS, config_map("wanted"))
        await kube_cluster.settle()
        assert len(turns) == 1
        await kube_cluster.advance(minutes=3.5)
        assert len(turns) == 4
        assert [round(later - sooner) for sooner, later in itertools.pairwise(turns)] == [60] * 3


async def test_a_timer_that_was_cancelled_does_not_fire(kube_cluster: Cluster) -> None:
    fired: list[str] = []
    clock = kube_cluster.clock
    kept, dropped = (clock.call_later(60, lambda n=n: fired.append(n)) for n in ("kept", "dropped"))
    await kube_cluster.settle()
    dropped.cancel()
    await kube_cluster.advance(minutes=2)
    assert fired == ["kept"]
    kept.cancel()
    assert clock.call_later(0, lambda: fired.append("now"))
    await clock.sleep(0)
    await kube_cluster.settle()
    assert fired == ["kept", "now"]


@pytest.mark.kube_cluster(frozen=True)
async def test_a_sleep_in_frozen_time_ends_when_time_is_put_forward(kube_cluster: Cluster) -> None:
    clock, woken = kube_cluster.clock, []

    async def sleeper() -> None:
        await clock.sleep(30)
        woken.append(clock.monotonic())

    began = clock.monotonic()
    async with anyio.create_task_group() as group:
        group.start_soon(sleeper)
        await kube_cluster.settle()
        await anyio.sleep(0.02)
        assert not woken
        await kube_cluster.advance(minutes=1)
    assert round(woken[0] - began) == 30


async def test_the_cluster_lives_in_this_process_in_another_thread(kube_cluster: Cluster) -> None:
    assert kube_cluster.plane.loop is not asyncio.get_running_loop()
    seen: list[str] = []

    def until(obj: dict[str, object]) -> bool:
        seen.append(threading.current_thread().name)  # a breakpoint may be here
        return True

    await kube_cluster.client.create(DEPLOYMENTS, deployment())
    await kube_cluster.wait_for("deployments", "web", until=until)
    assert set(seen) == {"kubepy-cluster"}


async def test_a_cluster_of_ones_own_runs_in_the_tests_loop() -> None:
    async with Cluster() as cluster:
        assert cluster.plane.loop is asyncio.get_running_loop()
        turns: list[float] = []
        async with operator(cluster, turns):
            await cluster.client.create(CONFIG_MAPS, config_map("wanted"))
            await cluster.settle()
            assert len(turns) == 1
