"""A manager as a process: health, metrics, leadership won and lost, services that outlive the work."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
import anyio
import anyio.abc
import pytest

from kubepy.client import LeaderElector, LeadershipLost
from kubepy.machinery.gvk import GVR
from kubepy.operator import Controller, Manager, Request, Result, TerminalError
from kubepy.util.clock import FakeClock
from kubepy.util.logging import capture

from .test_manager import Collection, managed

pytestmark = pytest.mark.anyio
PODS = GVR("", "v1", "pods")


class Lease:
    """A lease as a Client serves it; `down` lets every request fail."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.lease: dict[str, Any] | None = None
        self.down = False
        self.writes: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.collection, name)

    async def get(self, gvr: GVR, name: str, **options: Any) -> Any:
        from kubepy.machinery import errors

        if self.down:
            raise errors.internal_error("down")
        if self.lease is None:
            raise errors.not_found(gvr.gr, name)
        return self.lease

    async def create(self, gvr: GVR, obj: Any, **options: Any) -> Any:
        self.lease = obj
        return obj

    async def update(self, gvr: GVR, obj: Any, **options: Any) -> Any:
        self.lease = obj
        self.writes.append(obj["spec"]["holderIdentity"])
        return obj


@asynccontextmanager
async def running(run: Callable[[], Awaitable[Any]]) -> AsyncIterator[anyio.CancelScope]:
    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()

        async def inside() -> None:
            with scope:
                await run()

        group.start_soon(inside)
        yield scope
        group.cancel_scope.cancel()


async def test_health_and_metrics_are_served() -> None:
    clock = FakeClock()

    async def reconcile(request: Request) -> Result | None:
        if request.name == "bad":
            raise TerminalError("no such thing")
        return None

    collection = Collection(clock)
    manager = Manager(
        cast(Any, collection), clock, health_address="127.0.0.1:0", metrics_address="127.0.0.1:0"
    )
    manager.add(Controller("pods", reconcile).for_(PODS))
    problem = ""
    manager.ready_checks["disk"] = lambda: problem
    async with anyio.create_task_group() as group, aiohttp.ClientSession() as session:
        with capture() as logs:
            await group.start(manager.run)
            base = f"http://127.0.0.1:{manager.endpoints[0].port}"
            collection.send("ADDED", "good")
            collection.send("ADDED", "bad")
            await clock.run_for(3600)
            async with session.get(f"{base}/readyz") as answer:
                assert (answer.status, await answer.text()) == (200, "ok")
            problem = "full"
            async with session.get(f"{base}/readyz") as answer:
                assert answer.status == 500
                lines = (await answer.text()).splitlines()
                assert lines == ["[+]informer-sync ok", "[-]disk failed: full", "readyz check failed"]
            async with session.get(f"{base}/healthz") as answer:
                assert answer.status == 200
            async with session.get(f"{base}/metrics") as answer:
                text = await answer.text()
                assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            group.cancel_scope.cancel()
    assert 'controller_runtime_reconcile_total{controller="pods",result="success"} 1\n' in text
    assert 'controller_runtime_reconcile_total{controller="pods",result="error"} 1\n' in text
    assert 'controller_runtime_terminal_reconcile_errors_total{controller="pods"} 1\n' in text
    assert 'workqueue_adds_total{controller="pods",name="pods"} 2\n' in text
    assert 'workqueue_depth{controller="pods",name="pods"} 0\n' in text
    assert 'controller_runtime_reconcile_time_seconds_bucket{controller="pods",le="+Inf"} 2\n' in text
    assert [entry["event"] for entry in logs] == ["reconcile gave up"]  # and was not tried again


async def test_a_reconcile_that_hangs_is_cancelled_and_tried_again() -> None:
    clock = FakeClock()
    calls: list[float] = []

    async def hangs(request: Request) -> None:
        calls.append(clock.monotonic())
        if len(calls) == 1:
            await anyio.sleep_forever()

    async with managed(Controller("c", hangs, timeout=30).for_(PODS), clock) as (collection, _):
        collection.send("ADDED", "x")
        with capture() as logs:
            await clock.run_for(60)
    assert calls == pytest.approx([0, 30.005])
    assert [entry["event"] for entry in logs] == ["reconcile failed"]


async def test_changes_overtake_what_the_first_list_brought() -> None:
    clock = FakeClock()
    order: list[str] = []

    async def reconcile(request: Request) -> None:
        order.append(request.name)
        await clock.sleep(1)

    class Listed(Collection):
        async def list(self, gvr: GVR, **options: Any) -> Any:
            items = [
                {"metadata": {"name": f"old{i}", "namespace": "a", "resourceVersion": "0"}} for i in range(5)
            ]
            return {"metadata": {"resourceVersion": "0"}, "items": items}

    collection = Listed(clock)
    manager = Manager(cast(Any, collection), clock)
    manager.add(Controller("c", reconcile, prioritized=True).for_(PODS))
    async with running(manager.run):
        await clock.run_for(1.5)
        collection.send("MODIFIED", "new")
        await clock.run_for(10)
    assert order == ["old0", "old1", "new", "old2", "old3", "old4"]


class WebReconciler:
    """A reconciler as a class."""

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    async def reconcile(self, request: Request) -> Result | None:
        self.seen.append(str(request))
        return None


async def test_a_reconciler_may_be_an_object() -> None:
    clock, seen = FakeClock(), cast("list[str]", [])
    async with managed(Controller("c", WebReconciler(seen)).for_(PODS), clock) as (collection, _):
        collection.send("ADDED", "x")
        await clock.run_for(0)
    assert seen == ["a/x"]


async def test_the_lease_and_services_are_kept_until_the_work_has_ended() -> None:
    clock = FakeClock()
    lease = Lease(Collection(clock))
    elector = LeaderElector(cast(Any, lease), "kube-system", "op", "me", clock)
    manager = Manager(cast(Any, lease), clock, leader_elector=elector, graceful_timeout=60)
    diary: list[str] = []

    async def slow(request: Request) -> None:
        await clock.sleep(20)
        diary.append(f"reconciled {request.name}")

    async def service(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        task_status.started()
        try:
            await anyio.sleep_forever()
        finally:
            diary.append("service ended")

    manager.add(Controller("c", slow).for_(PODS))
    manager.add_service(service)
    async with running(manager.run) as scope:
        await clock.run_for(1)
        lease.collection.send("ADDED", "x")
        await clock.run_for(1)
        scope.cancel()
        before = len(lease.writes)
        await clock.run_for(19)  # longer than the lease lasts
        assert diary == ["reconciled x", "service ended"]
    renewed = lease.writes[before:]
    assert renewed.count("me") >= 5, "nobody else may lead while this one still works"
    assert renewed[-1] == "", "released at the end"


async def test_a_lost_lease_stops_the_work_at_once() -> None:
    clock = FakeClock()
    lease = Lease(Collection(clock))
    elector = LeaderElector(cast(Any, lease), "kube-system", "op", "me", clock)
    manager = Manager(cast(Any, lease), clock, leader_elector=elector)
    ended: list[str] = []
    standby: list[str] = []

    async def endless(request: Request) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(request.name)

    async def everywhere(request: Request) -> None:
        standby.append(request.name)

    manager.add(Controller("c", endless).for_(PODS))
    manager.add(Controller("all", everywhere, leader_only=False).for_(PODS))
    async with anyio.create_task_group() as group:

        async def run() -> None:
            with pytest.raises(ExceptionGroup) as caught:
                await manager.run()
            assert caught.group_contains(LeadershipLost)
            ended.append("manager")

        group.start_soon(run)
        await clock.run_for(1)
        lease.collection.send("ADDED", "x")
        await clock.run_for(1)
        assert standby == ["x"]
        lease.down = True
        await clock.run_for(12.5)
        assert ended == ["x", "manager"]
