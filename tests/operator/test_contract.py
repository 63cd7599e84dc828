"""Level-triggered to the end: whatever failed, was missed or died on the way, the world becomes as wanted."""

import random
from contextlib import suppress
from typing import Any, cast

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepy.client import LeaderElector, LeadershipLost
from kubepy.machinery import errors, meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Manager, Request, Result
from kubepy.util.clock import FakeClock
from kubepy.util.logging import capture
from tests.informer.fake_api import FakeApi
from tests.informer.test_contract import act, actions

PODS = GVR("", "v1", "pods")


class World:
    """What a reconciler makes of the collection; some of its writes fail."""

    def __init__(self, manager: Manager, outside: dict[str, str], rng: random.Random, faulty: bool) -> None:
        self.lister = manager.lister(PODS)
        self.outside = outside
        self.rng = rng
        self.faulty = faulty
        self.working: set[Request] = set()
        self.clock = manager.clock

    async def reconcile(self, request: Request) -> Result | None:
        assert request not in self.working, "one object, two workers"
        self.working.add(request)
        try:
            obj = self.lister.get(request.name, request.namespace)
            await self.clock.sleep(self.rng.choice([0, 0, 1, 20]))
            fault = self.rng.random() if self.faulty else 1.0
            if fault < 0.15:
                raise errors.conflict(PODS.gr, request.name, "modified")
            if fault < 0.3:
                raise RuntimeError("boom")
            if fault < 0.4:
                return Result(requeue=True)
            if obj is None:
                self.outside.pop(str(request), None)
            else:
                self.outside[str(request)] = meta.uid(obj) + meta.labels(obj).get("serial", "")
            return Result(requeue_after=5) if fault < 0.5 else None
        finally:
            self.working.discard(request)


def wanted(api: FakeApi) -> dict[str, str]:
    return {key: meta.uid(obj) + meta.labels(obj).get("serial", "") for key, obj in api.objects.items()}


async def lives(
    script: list[tuple[str, str | None]], restarts: set[int], seed: int, prioritized: bool
) -> None:
    api, clock, rng = FakeApi(), FakeClock(), random.Random(seed)
    # What was made for objects that are gone must go too: the world begins with a leftover that is watched.
    outside: dict[str, str] = {}
    parts = [part for part in _split(list(enumerate(script)), restarts)]
    for number, part in enumerate(parts):
        manager = Manager(cast(Any, api), clock, graceful_timeout=30)
        world = World(manager, outside, rng, faulty=True)
        controller = Controller("c", world, workers=3, prioritized=prioritized, timeout=60)
        manager.add(controller.for_(PODS))
        # A deletion that nobody saw: level-triggered controllers look at what they made, too.
        for key in outside:
            namespace, name = meta.split_key(key)
            controller.queue.add(Request(namespace, name))
        async with anyio.create_task_group() as group:
            group.start_soon(manager.run)
            for serial, (action, name) in part:
                act(api, action, name, serial)
                await clock.run_for({"hour": 3600.0, "second": 1.0}.get(action, 0.0))
            if number == len(parts) - 1:
                api.down = False
                await clock.run_for(200)
                world.faulty = False
                await clock.run_for(1200)
                assert outside == wanted(api)
            with anyio.CancelScope(shield=True):
                group.cancel_scope.cancel()
                await clock.run_for(60)
        assert not world.working, "a reconcile outlived its manager"


def _split(script: list[Any], restarts: set[int]) -> list[list[Any]]:
    parts: list[list[Any]] = [[]]
    for index, step in enumerate(script):
        if index in restarts:
            parts.append([])
        parts[-1].append(step)
    return parts


@settings(max_examples=60, deadline=None)
@given(
    st.lists(actions, max_size=20),
    st.sets(st.integers(1, 19), max_size=2),
    st.integers(0, 9999),
    st.booleans(),
)
def test_failures_outages_and_restarts_end_in_the_same_world(
    script: list[tuple[str, str | None]], restarts: set[int], seed: int, prioritized: bool
) -> None:
    with capture():
        anyio.run(lives, script, restarts, seed, prioritized)


class LeaseClient:
    """A compare-and-swap lease that several candidates share; each candidate's line may be cut."""

    def __init__(self, shared: dict[str, Any]) -> None:
        self.shared = shared
        self.cut = False

    async def _line(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self.cut:
            raise errors.internal_error("cut off")

    async def get(self, gvr: GVR, name: str, **options: Any) -> Obj:
        await self._line()
        if "lease" not in self.shared:
            raise errors.not_found(gvr.gr, name)
        return meta.deep_copy(self.shared["lease"])

    async def create(self, gvr: GVR, obj: Obj, **options: Any) -> Obj:
        await self._line()
        if "lease" in self.shared:
            raise errors.already_exists(gvr.gr, meta.name(obj))
        return self._put(obj, 1)

    async def update(self, gvr: GVR, obj: Obj, **options: Any) -> Obj:
        await self._line()
        version = int(meta.resource_version(self.shared["lease"]))
        if int(meta.resource_version(obj)) != version:
            raise errors.conflict(gvr.gr, meta.name(obj), "modified")
        return self._put(obj, version + 1)

    def _put(self, obj: Obj, version: int) -> Obj:
        stored = meta.deep_copy(obj)
        stored["metadata"]["resourceVersion"] = str(version)
        self.shared["lease"] = stored
        return meta.deep_copy(stored)


async def compete(script: list[tuple[int, str, float]]) -> None:
    clock, shared = FakeClock(), cast("dict[str, Any]", {})
    clients = [LeaseClient(shared) for _ in range(3)]
    leading: set[int] = set()
    most: list[int] = []
    scopes: dict[int, anyio.CancelScope] = {}

    async def work(number: int) -> None:
        leading.add(number)
        most.append(len(leading))
        try:
            await anyio.sleep_forever()
        finally:
            leading.discard(number)

    async def candidate(number: int) -> None:
        with anyio.CancelScope() as scope:
            scopes[number] = scope
            while True:
                elector = LeaderElector(
                    cast(Any, clients[number]), "a", "l", f"c{number}", clock, rng=random.Random(number)
                )
                with suppress(LeadershipLost):
                    await elector.run(lambda: work(number))

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(candidate, number)
        for number, action, seconds in script:
            if action == "restart" and number in scopes:
                scopes[number].cancel()
                await clock.run_for(0)
                group.start_soon(candidate, number)
            else:
                clients[number].cut = action == "cut"
            await clock.run_for(seconds)
        for client in clients:
            client.cut = False
        await clock.run_for(40)
        assert max(most) == 1, "two leaders"
        assert len(leading) == 1, "nobody leads although everybody could"
        group.cancel_scope.cancel()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["cut", "mend", "restart"]),
            st.sampled_from([0.5, 3.0, 11.0, 30.0]),
        ),
        max_size=12,
    )
)
def test_there_is_never_more_than_one_leader_and_in_the_end_there_is_one(
    script: list[tuple[int, str, float]],
) -> None:
    with capture():
        anyio.run(compete, script)
