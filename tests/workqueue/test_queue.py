"""The queue's stated properties, by example and by machine."""

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kubepy.util.clock import FakeClock
from kubepy.workqueue import (
    BucketRateLimiter,
    ItemExponentialFailureRateLimiter,
    MaxOfRateLimiter,
    ShutDown,
    WorkQueue,
)

pytestmark = pytest.mark.anyio


def take(queue: WorkQueue[str]) -> str:
    """`get` of a queue that has an item, without an event loop."""
    coroutine = queue.get()
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return str(stop.value)
    raise AssertionError("get had to wait")


class QueueMachine(RuleBasedStateMachine):
    """Compares the queue with what its docstring promises, over any order of calls."""

    items = st.sampled_from("abcde")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.queue: WorkQueue[str] = WorkQueue(self.clock)
        self.expected: list[str] = []  # what must come out, in order
        self.again: set[str] = set()  # added while in work
        self.working: set[str] = set()
        self.due: dict[str, float] = {}

    def model_add(self, item: str) -> None:
        if item in self.working:
            self.again.add(item)
        elif item not in self.expected:
            self.expected.append(item)

    @rule(item=items)
    def add(self, item: str) -> None:
        self.queue.add(item)
        self.model_add(item)

    @rule(item=items, seconds=st.integers(1, 5))
    def add_after(self, item: str, seconds: int) -> None:
        self.queue.add_after(item, seconds)
        deadline = self.clock.monotonic() + seconds
        self.due[item] = min(self.due.get(item, deadline), deadline)

    @rule()
    def second(self) -> None:
        self.clock.advance(1)
        now = self.clock.monotonic()
        ready = {item for item, deadline in self.due.items() if deadline <= now}
        for item in ready:
            del self.due[item]
        fresh = {item for item in ready if item not in self.working and item not in self.expected}
        self.again |= ready & self.working
        # Equal deadlines: the model takes over the queue's order of them, and nothing else.
        self.expected += [item for item in self.queue._queue if item in fresh]
        assert fresh <= set(self.expected)

    @precondition(lambda self: self.expected)
    @rule()
    def get(self) -> None:
        item = take(self.queue)
        assert item == self.expected.pop(0), "not fair"
        assert item not in self.working, "two workers on one item"
        self.working.add(item)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.working)))
        self.queue.done(item)
        self.working.remove(item)
        if item in self.again:
            self.again.remove(item)
            self.expected.append(item)

    @invariant()
    def length(self) -> None:
        assert len(self.queue) == len(self.expected) == len(set(self.expected))
        assert self.queue.processing == len(self.working)


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


async def test_workers_share_the_items_and_drain_them_at_shutdown() -> None:
    clock = FakeClock()
    queue: WorkQueue[int] = WorkQueue(clock)
    seen: list[int] = []
    active: set[int] = set()

    async def worker() -> None:
        while True:
            try:
                item = await queue.get()
            except ShutDown:
                return
            assert item not in active
            active.add(item)
            await clock.sleep(1)
            active.discard(item)
            seen.append(item)
            queue.done(item)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(worker)
        for item in range(10):
            queue.add(item)
        queue.add_after(99, 100)
        await clock.run_for(1.5)
        queue.add(3)  # in work: must come once more, even though the shutdown comes first
        group.start_soon(queue.shut_down_with_drain)
        await clock.run_for(0)
        queue.add(50)
        await clock.run_for(20)
    assert sorted(seen) == [0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9]


async def test_a_cancelled_getter_loses_no_item() -> None:
    queue: WorkQueue[str] = WorkQueue(FakeClock())
    got: list[str] = []

    async def getter() -> None:
        got.append(await queue.get())

    async with anyio.create_task_group() as group:
        async with anyio.create_task_group() as doomed:
            doomed.start_soon(getter)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(getter)
            await anyio.wait_all_tasks_blocked()
            queue.add("a")  # wakes the first getter ...
            doomed.cancel_scope.cancel()  # ... which is cancelled before it runs
        await anyio.wait_all_tasks_blocked()
        assert got == ["a"]
        group.cancel_scope.cancel()


async def test_the_earliest_of_several_delays_counts() -> None:
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue(clock)
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    clock.advance(4.9)
    assert len(queue) == 0
    clock.advance(0.1)
    assert take(queue) == "a"
    queue.done("a")
    clock.advance(100)
    assert len(queue) == 0


async def test_rate_limited_adds_wait_longer_each_time_until_forgotten() -> None:
    clock = FakeClock()
    queue: WorkQueue[str] = WorkQueue(clock)
    waits = []
    for _ in range(3):
        queue.add_rate_limited("a")
        before = clock.monotonic()
        clock.advance(clock.next_deadline or 0)
        waits.append(round(clock.monotonic() - before, 6))
        queue.done(take(queue))
    assert waits == [0.005, 0.01, 0.02]
    assert queue.num_requeues("a") == 3
    queue.forget("a")
    assert queue.num_requeues("a") == 0


def test_exponential_limiter_stops_at_its_maximum() -> None:
    limiter = ItemExponentialFailureRateLimiter(1, 60)
    assert [limiter.when("a") for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert limiter.when("b") == 1
    for _ in range(5000):
        limiter.when("a")
    assert limiter.when("a") == 60


def test_bucket_lets_a_burst_through_and_then_spaces_items() -> None:
    clock = FakeClock()
    limiter = BucketRateLimiter(clock, qps=10, burst=2)
    assert [limiter.when(item) for item in "abcd"] == pytest.approx([0, 0, 0.1, 0.2])
    clock.advance(10)
    assert [limiter.when(item) for item in "abc"] == pytest.approx([0, 0, 0.1])


def test_max_of_takes_the_longest_wait() -> None:
    clock = FakeClock()
    limiter = MaxOfRateLimiter(ItemExponentialFailureRateLimiter(1, 60), BucketRateLimiter(clock, 1, 1))
    assert [limiter.when("a"), limiter.when("b"), limiter.when("c")] == [1, 1, 2]
    assert limiter.num_requeues("a") == 1
    limiter.forget("a")
    assert limiter.num_requeues("a") == 0
