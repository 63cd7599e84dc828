"""The priority queue's promises, by machine."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kubepy.util.clock import FakeClock
from kubepy.workqueue import LOW_PRIORITY, PriorityWorkQueue, WorkQueue


def take(queue: WorkQueue[str]) -> str:
    """`get` of a queue that has an item, without an event loop."""
    coroutine = queue.get()
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return str(stop.value)
    raise AssertionError("get had to wait")


class PriorityMachine(RuleBasedStateMachine):
    """Compares with a list kept in order the slow way."""

    items = st.sampled_from("abcdef")
    priorities = st.sampled_from([LOW_PRIORITY, 0, 0, 5])

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.queue: PriorityWorkQueue[str] = PriorityWorkQueue(self.clock)
        self.expected: list[tuple[int, str]] = []  # ready, in the order of arrival at their priority
        self.again: dict[str, int] = {}
        self.working: dict[str, int] = {}
        self.due: dict[str, tuple[float, int]] = {}

    def arrive(self, item: str, priority: int) -> None:
        if item in self.working:
            self.again[item] = max(priority, self.again.get(item, priority))
            return
        for index, (present, name) in enumerate(self.expected):
            if name == item:
                if priority <= present:
                    return
                del self.expected[index]
                break
        self.expected.append((priority, item))

    @rule(item=items, priority=priorities)
    def add(self, item: str, priority: int) -> None:
        self.queue.add(item, priority)
        self.arrive(item, priority)

    @rule(item=items, priority=priorities, seconds=st.sampled_from([1.25, 2.5, 3.75]))
    def add_after(self, item: str, priority: int, seconds: float) -> None:
        self.queue.add_after(item, seconds, priority)
        deadline = self.clock.monotonic() + seconds
        before = self.due.get(item, (deadline, priority))
        self.due[item] = (min(before[0], deadline), max(before[1], priority))

    @rule()
    def next_deadline(self) -> None:
        """One item falls due at a time, so that the order is known."""
        if self.due:
            item, (deadline, priority) = min(self.due.items(), key=lambda pair: pair[1][0])
            if [d for d, _ in self.due.values()].count(deadline) > 1:
                return
            self.clock.advance(deadline - self.clock.monotonic())
            del self.due[item]
            self.arrive(item, priority)

    @precondition(lambda self: self.expected)
    @rule()
    def get(self) -> None:
        best = max(priority for priority, _ in self.expected)
        index = next(i for i, (priority, _) in enumerate(self.expected) if priority == best)
        _, wanted = self.expected.pop(index)
        item = take(self.queue)
        assert item == wanted
        assert item not in self.working, "two workers on one item"
        assert self.queue.priority_of(item) == best
        self.working[item] = best

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.working)))
        self.queue.done(item)
        del self.working[item]
        if item in self.again:
            self.arrive(item, self.again.pop(item))

    @invariant()
    def length(self) -> None:
        assert len(self.queue) == len(self.expected)
        assert self.queue.processing == len(self.working)
        assert self.queue.delayed == len(self.due)


TestPriorityMachine = PriorityMachine.TestCase
TestPriorityMachine.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)


def test_a_retry_keeps_its_priority_and_shutdown_drains() -> None:
    clock = FakeClock()
    queue: PriorityWorkQueue[str] = PriorityWorkQueue(clock)
    queue.add("first", LOW_PRIORITY)
    item = take(queue)
    queue.add_rate_limited(item, queue.priority_of(item))
    queue.done(item)
    queue.add("second")
    clock.advance(1)
    assert [take(queue), take(queue)] == ["second", "first"]
    assert queue.priority_of("first") == LOW_PRIORITY
    queue.add("third", 7)
    queue.add_after("never", 1)
    queue.shut_down()
    queue.add("late")
    clock.advance(10)
    assert take(queue) == "third"
    assert len(queue) == 0
