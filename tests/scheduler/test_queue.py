"""Pods that wait: order, back-off, and events that come in mid-attempt."""

from typing import Any

import anyio
import pytest

from kubepy.scheduler.events import NODE, Action, ClusterEvent, Interest
from kubepy.scheduler.queue import SchedulingQueue
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio


def pod(name: str, priority: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "namespace": "d"}, "spec": {"priority": priority}}


def rejected(plugin: str = "Fit") -> frozenset[str]:
    return frozenset({plugin})


NOTHING: dict[str, Any] = {}
NODE_ADDED = ClusterEvent(NODE, Action.ADD, None, {"metadata": {"name": "n"}})


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
    queue.put_back(await pop(queue), rejected())
    clock.advance(60)
    with pytest.raises(TimeoutError), anyio.fail_after(0.02):
        await queue.pop()
    queue.happened(NODE_ADDED)
    assert (await pop(queue)).attempts == 2


async def test_event_during_the_attempt_is_not_missed() -> None:
    clock = FakeClock()
    queue = SchedulingQueue(clock)
    queue.add(pod("a"))
    queued = await pop(queue)
    queue.happened(NODE_ADDED)
    queue.put_back(queued, rejected())
    clock.advance(1.1)
    assert (await pop(queue)).uid == "a"


async def test_unschedulable_is_tried_again_after_five_minutes() -> None:
    clock = FakeClock()
    queue = SchedulingQueue(clock)
    queue.add(pod("a"))
    queue.put_back(await pop(queue), rejected())
    clock.advance(301)
    assert (await pop(queue)).uid == "a"


async def test_removed_pod_never_comes() -> None:
    queue = SchedulingQueue(FakeClock())
    queue.add(pod("a"))
    queue.remove("a")
    queue.add(pod("b"))
    assert (await pop(queue)).uid == "b"


async def test_event_wakes_only_the_pods_that_it_can_help() -> None:
    clock = FakeClock()
    interests = {
        "Fit": [Interest(NODE, Action.ADD, lambda pod, old, new: pod.uid != "c")],
        "Ports": [Interest("AssignedPod", Action.DELETE)],
    }
    queue = SchedulingQueue(clock, interests=lambda pod: interests)
    for name, plugin in (("a", "Fit"), ("b", "Ports"), ("c", "Fit")):
        queue.add(pod(name))
        queue.put_back(await pop(queue), rejected(plugin))
    clock.advance(30)
    queue.happened(NODE_ADDED)
    assert queue.waiting() == {"active": 1, "backoff": 0, "unschedulable": 2, "gated": 0}
    assert (await pop(queue)).uid == "a"


async def test_error_is_tried_again_after_a_growing_backoff() -> None:
    clock = FakeClock()
    queue = SchedulingQueue(clock)
    queue.add(pod("a"))
    for wait in (1, 2, 4, 8, 10, 10):
        queue.put_back(await pop(queue))
        clock.advance(wait - 0.1)
        assert queue.waiting()["backoff"] == 1
        clock.advance(0.2)
        assert queue.waiting()["active"] == 1


async def test_gated_pod_enters_when_its_gates_are_gone() -> None:
    queue = SchedulingQueue(FakeClock(), gated=lambda pod: bool(pod["spec"].get("schedulingGates")))
    gated = pod("a")
    gated["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]
    queue.add(gated)
    assert queue.waiting()["gated"] == 1
    queue.add(pod("a"))
    assert (await pop(queue)).uid == "a"


async def test_changed_pod_is_tried_again_at_once() -> None:
    queue = SchedulingQueue(FakeClock(), interests=lambda pod: NOTHING)
    queue.add(pod("a"))
    queue.put_back(await pop(queue), rejected())
    queue.add(pod("a"))
    assert queue.waiting()["unschedulable"] == 1
    changed = pod("a")
    changed["spec"]["tolerations"] = [{"operator": "Exists"}]
    queue.add(changed)
    assert (await pop(queue)).info.shape.tolerations
