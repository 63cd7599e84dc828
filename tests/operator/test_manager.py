"""Controllers against a collection without a network, on a virtual clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import pytest

from kubepy.client import Client, WatchEvent
from kubepy.machinery import errors, meta
from kubepy.machinery.gvk import GK, GVR
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Manager, Reconciler, Request, Result, finalizer, predicate
from kubepy.util.clock import FakeClock
from kubepy.util.logging import capture

pytestmark = pytest.mark.anyio

PODS = GVR("", "v1", "pods")


class Collection:
    """Stands in for a Client: lists nothing, then watches what `send` is given."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.events: list[WatchEvent] = []
        self.patches: list[Any] = []
        self.wake = anyio.Event()

    def send(self, type: str, name: str, **metadata: Any) -> None:
        version = str(len(self.events) + 1)
        obj = {"metadata": {"name": name, "namespace": "a", "resourceVersion": version, **metadata}}
        self.events.append(WatchEvent(type, obj))
        self.wake.set()
        self.wake = anyio.Event()

    async def list(self, gvr: GVR, **options: Any) -> Obj:
        return {"metadata": {"resourceVersion": "0"}, "items": []}

    list_all = Client.list_all

    async def watch(self, gvr: GVR, *, resource_version: str, **options: Any) -> AsyncIterator[WatchEvent]:
        position = int(resource_version)
        while True:
            while position < len(self.events):
                position += 1
                yield self.events[position - 1]
            await self.wake.wait()

    async def patch(self, gvr: GVR, name: str, change: Any, **options: Any) -> Obj:
        self.patches.append(change)
        if name == "gone":
            raise errors.not_found(gvr.gr, name)
        return {"metadata": {"name": name} | change["metadata"]}


@asynccontextmanager
async def managed(
    controller: Controller, clock: FakeClock
) -> AsyncIterator[tuple[Collection, anyio.CancelScope]]:
    collection = Collection(clock)
    manager = Manager(cast(Any, collection), clock)
    manager.add(controller)
    async with anyio.create_task_group() as group:
        group.start_soon(manager.run)
        await clock.run_for(0)
        yield collection, group.cancel_scope
        group.cancel_scope.cancel()


def recorder(results: dict[str, list[Any]] | None = None) -> tuple[list[str], Reconciler]:
    """A reconcile function that returns (or raises) the next of the results for a name."""
    calls: list[str] = []

    async def reconcile(request: Request) -> Result | None:
        calls.append(str(request))
        pending = (results or {}).get(request.name)
        outcome = pending.pop(0) if pending else None
        if isinstance(outcome, Exception):
            raise outcome
        return cast("Result | None", outcome)

    return calls, reconcile


async def test_for_owns_and_watches_make_requests() -> None:
    clock = FakeClock()
    calls, reconcile = recorder()
    controller = (
        Controller("c", reconcile)
        .for_(PODS, predicate.matching(lambda obj: meta.name(obj).startswith("self")))
        .owns(PODS, GK("apps", "ReplicaSet"))
        .watches(PODS, lambda obj: [Request("", "all")] if meta.labels(obj) else [])
    )
    async with managed(controller, clock) as (collection, _):
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "1", "controller": True}
        collection.send("ADDED", "self-1")
        await clock.run_for(0)
        assert calls == ["a/self-1"]
        collection.send("ADDED", "owned", ownerReferences=[owner])
        collection.send("ADDED", "foreign", ownerReferences=[owner | {"kind": "Job"}])
        collection.send("ADDED", "half", ownerReferences=[owner | {"controller": False}])
        collection.send("ADDED", "labelled", labels={"x": "y"})
        await clock.run_for(0)
        assert calls == ["a/self-1", "a/rs", "all"]
        collection.send("MODIFIED", "owned", ownerReferences=[owner | {"name": "rs2"}])
        await clock.run_for(0)
        assert calls[3:] == ["a/rs", "a/rs2"]  # both the old owner and the new


async def test_failures_come_back_later_and_later_and_conflicts_quietly() -> None:
    clock = FakeClock()
    conflict = errors.conflict(PODS.gr, "x", "modified")
    calls, reconcile = recorder({"x": [RuntimeError("boom"), conflict, RuntimeError("boom"), None]})
    with capture() as logs:
        async with managed(Controller("c", reconcile).for_(PODS), clock) as (collection, _):
            collection.send("ADDED", "x")
            await clock.run_for(0)
            assert len(calls) == 1
            await clock.run_for(0.005)
            assert len(calls) == 2
            await clock.run_for(0.009)
            assert len(calls) == 2
            await clock.run_for(1000)
            assert len(calls) == 4
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["reconcile failed"] * 2


async def test_requeue_after_waits_on_the_clock() -> None:
    clock = FakeClock()
    calls, reconcile = recorder({"x": [Result(requeue_after=300), Result(requeue=True), None]})
    async with managed(Controller("c", reconcile).for_(PODS), clock) as (collection, _):
        collection.send("ADDED", "x")
        await clock.run_for(299)
        assert len(calls) == 1
        await clock.run_for(2)
        assert len(calls) == 3
        await clock.run_for(5000)
        assert len(calls) == 3


async def test_shutdown_lets_reconciles_finish() -> None:
    clock = FakeClock()
    finished: list[str] = []

    async def slow(request: Request) -> None:
        await clock.sleep(10)
        finished.append(request.name)

    collection = Collection(clock)
    manager = Manager(cast(Any, collection), clock, graceful_timeout=30)
    manager.add(Controller("c", slow, workers=1).for_(PODS))
    async with anyio.create_task_group() as outer:

        async def run() -> None:
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                await manager.run()
            finished.append("manager")

        scopes: list[anyio.CancelScope] = []
        outer.start_soon(run)
        await clock.run_for(0)
        collection.send("ADDED", "x")
        collection.send("ADDED", "y")
        await clock.run_for(1)
        scopes[0].cancel()
        await clock.run_for(5)
        assert finished == []
        await clock.run_for(20)
        assert finished == ["x", "y", "manager"]
    assert clock.next_deadline is None


async def test_shutdown_does_not_wait_for_ever() -> None:
    clock = FakeClock()
    calls: list[str] = []

    async def stuck(request: Request) -> None:
        calls.append(request.name)
        await anyio.sleep_forever()

    with capture() as logs:
        async with managed(Controller("c", stuck).for_(PODS), clock) as (collection, scope):
            collection.send("ADDED", "x")
            await clock.run_for(1)
            assert calls == ["x"]
            with anyio.CancelScope(shield=True):
                scope.cancel()
                await clock.run_for(31)
    assert [entry["event"] for entry in logs] == ["reconciles did not finish in time"]


async def test_finalizers_are_written_with_a_precondition() -> None:
    client = cast(Any, Collection(FakeClock()))
    obj: Obj = {"metadata": {"name": "x", "resourceVersion": "7", "finalizers": ["other"]}}
    changed = await finalizer.add(client, PODS, obj, "mine")
    assert client.patches == [{"metadata": {"finalizers": ["other", "mine"], "resourceVersion": "7"}}]
    assert await finalizer.add(client, PODS, changed, "mine") is changed
    removed = await finalizer.remove(client, PODS, changed, "mine")
    assert removed is not None
    assert meta.finalizers(removed) == ["other"]
    gone: Obj = {"metadata": {"name": "gone", "finalizers": ["mine"]}}
    assert await finalizer.remove(client, PODS, gone, "mine") is None


def test_predicates() -> None:
    old: Obj = {"metadata": {"generation": 1, "labels": {"a": "b"}}}
    new: Obj = {"metadata": {"generation": 1, "labels": {"a": "c"}}}
    assert not predicate.generation_changed("update", old, new)
    assert predicate.labels_changed("update", old, new)
    assert predicate.generation_changed("add", None, new)
    either = predicate.any_of(predicate.generation_changed, predicate.labels_changed)
    both = predicate.all_of(predicate.generation_changed, predicate.labels_changed)
    assert either("update", old, new)
    assert not both("update", old, new)
    assert predicate.negate(both)("update", old, new)
