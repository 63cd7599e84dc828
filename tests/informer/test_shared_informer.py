from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import pytest

from kubepy.informer import SharedInformer, SharedInformerFactory
from kubepy.machinery import labels, meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.clock import FakeClock
from kubepy.util.logging import capture

from .fake_api import FakeApi

pytestmark = pytest.mark.anyio

PODS = GVR("", "v1", "pods")


class Diary:
    """What a handler hears, and whether the contract holds for each object."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.known: dict[str, Obj] = {}

    def add(self, obj: Obj) -> None:
        assert meta.key(obj) not in self.known
        self.known[meta.key(obj)] = obj
        self.entries.append(f"add {meta.key(obj)}")

    def update(self, old: Obj, new: Obj) -> None:
        assert self.known[meta.key(new)] is old
        self.known[meta.key(new)] = new
        self.entries.append(f"update {meta.key(new)}")

    def delete(self, obj: Obj) -> None:
        self.known.pop(meta.key(obj))
        self.entries.append(f"delete {meta.key(obj)}")

    def take(self) -> list[str]:
        taken, self.entries = self.entries, []
        return taken


@asynccontextmanager
async def running(
    api: FakeApi, clock: FakeClock, resync: float = 0
) -> AsyncIterator[tuple[SharedInformer, Diary]]:
    factory = SharedInformerFactory(cast(Any, api), clock, resync)
    informer = factory.informer(PODS)
    diary = Diary()
    informer.add_handler(diary.add, diary.update, diary.delete)
    async with anyio.create_task_group() as group:
        await group.start(factory.run)
        with anyio.fail_after(5):
            await factory.wait_for_sync()
        yield informer, diary
        group.cancel_scope.cancel()


async def test_tells_the_list_and_then_each_change(api: FakeApi, clock: FakeClock) -> None:
    api.put("x")
    async with running(api, clock) as (informer, diary):
        assert diary.take() == ["add a/x"]
        api.put("y", metadata={"labels": {"app": "web"}, "managedFields": [{"manager": "m"}]})
        api.put("x")
        api.remove("x")
        await clock.run_for(0)
        assert diary.take() == ["add a/y", "update a/x", "delete a/x"]
        assert [meta.name(o) for o in informer.lister.list("a", labels.parse("app=web"))] == ["y"]
        assert informer.lister.list("b") == []
        found = informer.lister.get("y", "a")
        assert found is not None
        assert "managedFields" not in found["metadata"]
    assert api.lists == 1


async def test_a_long_list_comes_in_pages_of_one_state(api: FakeApi, clock: FakeClock) -> None:
    for number in range(5):
        api.put(f"x{number}")
    changed: list[int] = []

    def change_after_first_page() -> None:
        if api.pages == 1 and not changed:
            changed.append(1)
            api.put("x0", spec={"late": True})
            api.remove("x4")

    api.on_page = change_after_first_page
    async with running(api, clock) as (informer, diary):
        assert (api.lists, api.pages) == (1, 3)
        # The list is of the state before the changes; the watch from there tells of them.
        assert diary.take() == [*(f"add a/x{number}" for number in range(5)), "update a/x0", "delete a/x4"]
        assert len(informer.lister.list("a")) == 4


async def test_pages_that_have_expired_are_listed_in_one_piece(api: FakeApi, clock: FakeClock) -> None:
    for number in range(5):
        api.put(f"x{number}")

    def forget() -> None:
        if api.pages == 1:
            api.put("late")
            api.compact()

    api.on_page = forget
    async with running(api, clock) as (_, diary):
        assert sorted(diary.take()) == ["add a/late", *(f"add a/x{number}" for number in range(5))]
        assert api.watches == [str(api.revision)]


async def test_resumes_after_a_cut_without_listing_again(api: FakeApi, clock: FakeClock) -> None:
    async with running(api, clock) as (_, diary):
        api.put("x")
        await clock.run_for(0)
        api.cut()
        await clock.run_for(0)
        api.put("y")
        await clock.run_for(60)
        assert diary.take() == ["add a/x", "add a/y"]
    assert api.lists == 1
    assert api.watches == ["10", "11"]


async def test_resumes_from_a_bookmark(api: FakeApi, clock: FakeClock) -> None:
    async with running(api, clock):
        api.revision = 500
        api.bookmark()
        await clock.run_for(0)
        api.compact()
        api.cut()
        await clock.run_for(60)
    assert api.lists == 1
    assert api.watches[-1] == "500"


async def test_relists_after_410_and_tells_the_difference(api: FakeApi, clock: FakeClock) -> None:
    for name in ("kept", "changed", "gone", "again"):
        api.put(name)
    async with running(api, clock) as (informer, diary):
        diary.take()
        api.down = True
        api.cut()
        await clock.run_for(0)
        api.put("changed", spec={"x": 1})
        api.remove("gone")
        api.remove("again")
        api.put("again", uid="second")
        api.put("new")
        api.compact()
        api.down = False
        await clock.run_for(120)
        assert sorted(diary.take()) == [
            "add a/again",
            "add a/new",
            "delete a/again",
            "delete a/gone",
            "update a/changed",
        ]
        assert informer.lister.get("gone", "a") is None
        api.put("after")
        await clock.run_for(0)
        assert diary.take() == ["add a/after"]
    assert api.lists == 2


async def test_waits_for_a_server_that_comes_later(api: FakeApi, clock: FakeClock) -> None:
    api.down = True
    api.put("x")
    informer = SharedInformer(cast(Any, api), PODS, clock=clock)
    async with anyio.create_task_group() as group:
        group.start_soon(informer.run)
        await clock.run_for(300)
        assert not informer.has_synced
        api.down = False
        await clock.run_for(61)  # the longest wait between two attempts
        assert informer.has_synced
        assert informer.lister.get("x", "a") is not None
        group.cancel_scope.cancel()


async def test_a_raising_handler_does_not_stop_the_others(api: FakeApi, clock: FakeClock) -> None:
    async with running(api, clock) as (informer, diary):
        late: list[str] = []

        def broken(obj: Obj) -> None:
            raise RuntimeError("boom")

        informer.add_handler(on_add=broken)
        informer.add_handler(on_add=lambda obj: late.append(meta.name(obj)))
        with capture() as logs:
            api.put("x")
            await clock.run_for(0)
            api.put("y")
            await clock.run_for(0)
        assert diary.take() == ["add a/x", "add a/y"]
        assert late == ["x", "y"]
        assert [entry["event"] for entry in logs] == ["informer handler failed"] * 2


async def test_a_late_handler_hears_of_everything_there(api: FakeApi, clock: FakeClock) -> None:
    api.put("x")
    async with running(api, clock) as (informer, _):
        heard: list[str] = []
        informer.add_handler(on_add=lambda obj: heard.append(meta.name(obj)))
        assert heard == ["x"]


async def test_index_follows_changes(api: FakeApi, clock: FakeClock) -> None:
    api.put("x", spec={"nodeName": "w1"})
    async with running(api, clock) as (informer, _):
        informer.add_index("node", lambda obj: [obj["spec"]["nodeName"]])
        assert [meta.name(o) for o in informer.by_index("node", "w1")] == ["x"]
        api.put("x", spec={"nodeName": "w2"})
        await clock.run_for(0)
        assert informer.by_index("node", "w1") == []
        assert [meta.name(o) for o in informer.by_index("node", "w2")] == ["x"]
        api.remove("x")
        await clock.run_for(0)
        assert informer.by_index("node", "w2") == []


async def test_resync_tells_everything_again(api: FakeApi, clock: FakeClock) -> None:
    api.put("x")
    async with running(api, clock, resync=30) as (_, diary):
        await clock.run_for(65)
        assert diary.take() == ["add a/x", "update a/x", "update a/x"]


def test_the_factory_shares_informers(api: FakeApi, clock: FakeClock) -> None:
    factory = SharedInformerFactory(cast(Any, api), clock)
    assert factory.informer(PODS) is factory.informer(PODS)
    assert factory.informer(PODS) is not factory.informer(PODS, namespace="a")
