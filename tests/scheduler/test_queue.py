"""Pods that wait: order, back-off, and events that come in mid-attempt."""

from typing import Any

import anyio
import pytest

from kubepy.scheduler.queue import SchedulingQueue
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio


def pod(name: str, priority: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "namespace": "d"}, "spec": {"priority": priority}}


async def pop(queue: SchedulingQueue) -> Any:
    with anyio.fail_after(1):
        return await queue.pop()


async def test_priority_goes_first_then_arrival() -> None:
    queue = SchedulingQueue(FakeClock())
    for name, priority in (("a", 0), ("b", 10), ("c", 0)):
        queue.add(pod(name, priority))
    assert [(await pop(queue)).uid for _ in range(3)] == ["b", "a", "c"]


async def test_unschedulable_waits_for_an_event_and_backs_off() -> None:
    clock = FakeClock()
    queue = SchedulingQueue(clock)
    queue.add(pod("a"))
    queue.put_back(await pop(queue))
    clock.advance(60)
    with pytest.raises(TimeoutError), anyio.fail_after(0.02):
        await queue.pop()
    queue.wake_all()
    assert (await pop(queue)).attempts == 2


async def test_event_during_the_attempt_is_not_missed() -> None:
    clock = FakeClock()
    queue = SchedulingQueue(clock)
    queue.add(pod("a"))
    queued = await pop(queue)
    queue.wake_all()
    queue.put_back(queued)
    clock.advance(1.1)
    assert (await pop(queue)).uid == "a"


async def test_unschedulable_is_tried_again_after_five_minutes() -> None:
    clock = FakeClock()
    queue = SchedulingQueue(clock)
    queue.add(pod("a"))
    queue.put_back(await pop(queue))
    clock.advance(301)
    assert (await pop(queue)).uid == "a"


async def test_removed_pod_never_comes() -> None:
    queue = SchedulingQueue(FakeClock())
    queue.add(pod("a"))
    queue.remove("a")
    queue.add(pod("b"))
    assert (await pop(queue)).uid == "b"
