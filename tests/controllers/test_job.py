"""Jobs: how pods are counted, when they are made anew, and when it is over. On virtual time."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kubepy.api.resources import JOBS, PODS
from kubepy.controllers.job import controller, indexes
from kubepy.controllers.job.pod_template import FINALIZER
from kubepy.machinery import errors, meta
from tests.controllers.world import World, condition

pytestmark = pytest.mark.anyio


def job(name: str = "work", *, restart: str = "Never", **spec: Any) -> dict[str, Any]:
    labels = {"batch.kubernetes.io/job-name": name}
    pod_spec = {"restartPolicy": restart, "containers": [{"name": "c", "image": "busybox"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "d", "uid": f"uid-{name}"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec},
            **spec,
        },
    }


def indexed(completions: int, **spec: Any) -> dict[str, Any]:
    return job(completionMode="Indexed", completions=completions, **spec)


def status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.one(JOBS, "work")["status"]
    return found


def active(world: World) -> list[dict[str, Any]]:
    return [
        p
        for p in world.pods()
        if p["status"]["phase"] in ("Pending", "Running") and not meta.is_terminating(p)
    ]


def only(world: World) -> str:
    (pod,) = active(world)
    return meta.name(pod)


def of_index(world: World, index: int) -> dict[str, Any]:
    (pod,) = [p for p in active(world) if indexes.index_of(p) == index]
    return pod


async def test_completions_are_worked_off_at_most_parallelism_at_a_time() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(completions=3, parallelism=2))
        await world.settle()
        assert (len(active(world)), status(world)["active"], status(world)["startTime"]) == (
            2,
            2,
            world.now(),
        )
        for _ in range(3):
            world.end_pod(meta.name(active(world)[0]))
            await world.settle()
    done = status(world)
    assert done["succeeded"] == 3
    assert (done["ready"], done["terminating"], done.get("active")) == (0, 0, None)
    assert done["uncountedTerminatedPods"] == {}
    assert done["completionTime"]
    for kind in ("SuccessCriteriaMet", "Complete"):
        found = condition(world.one(JOBS, "work"), kind)
        assert (found["status"], found["reason"]) == ("True", "CompletionsReached")
        assert found["message"] == "Reached expected number of succeeded pods"
    assert world.recorder.events[-1] == ("Normal", "Completed", "Job completed")
    assert all(FINALIZER not in meta.finalizers(p) for p in world.pods())


async def test_failures_back_off_10_20_40_seconds_and_end_at_the_limit() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(backoffLimit=3))
        await world.settle()
        for wait in (10, 20, 40):
            world.end_pod(only(world), code=1)
            await world.pass_time(wait - 1)
            assert active(world) == []
            await world.pass_time(1)
        world.end_pod(only(world), code=1)
        await world.settle()
    failed = condition(world.one(JOBS, "work"), "Failed")
    assert (failed["reason"], failed["message"]) == (
        "BackoffLimitExceeded",
        "Job has reached the specified backoff limit",
    )
    assert status(world)["failed"] == 4
    assert "completionTime" not in status(world)
    assert (
        "Warning",
        "BackoffLimitExceeded",
        "Job has reached the specified backoff limit",
    ) in world.recorder.events


async def test_the_back_off_is_capped_at_six_minutes_and_ends_with_a_success() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(backoffLimit=20, completions=2))
        await world.settle()
        for _ in range(8):
            world.end_pod(only(world), code=1)
            await world.pass_time(361)
        world.end_pod(only(world))
        await world.settle()
        world.end_pod(only(world), code=1)
        await world.pass_time(10)
        assert len(active(world)) == 1
        assert status(world)["failed"] == 9


async def test_restarts_count_with_on_failure() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(restart="OnFailure", backoffLimit=2))
        await world.settle()
        name = only(world)
        world.run_pod(name, containerStatuses=[{"name": "c", "restartCount": 2}])
        await world.settle()
        assert condition(world.one(JOBS, "work"), "FailureTarget")["reason"] == "BackoffLimitExceeded"
        assert not condition(world.one(JOBS, "work"), "Failed"), "the pod still terminates"
        assert status(world)["terminating"] == 1
        world.end_pod(name, code=137)
        await world.settle()
    assert condition(world.one(JOBS, "work"), "Failed")["reason"] == "BackoffLimitExceeded"
    assert world.pods() == []


async def test_indexed_pods_know_their_index() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, indexed(3, parallelism=3))
        await world.settle()
        pod = of_index(world, 1)
        assert meta.name(pod).startswith("work-1-")
        assert pod["spec"]["hostname"] == "work-1"
        assert meta.labels(pod)[indexes.INDEX] == meta.annotations(pod)[indexes.INDEX] == "1"
        (variable,) = pod["spec"]["containers"][0]["env"]
        assert variable["name"] == "JOB_COMPLETION_INDEX"
        assert indexes.INDEX in variable["valueFrom"]["fieldRef"]["fieldPath"]
        for index in (2, 0):
            world.end_pod(meta.name(of_index(world, index)))
        await world.settle()
        assert status(world)["completedIndexes"] == "0,2"
        world.end_pod(meta.name(of_index(world, 1)), code=1)
        await world.pass_time(10)
        world.end_pod(meta.name(of_index(world, 1)))
        await world.settle()
    done = status(world)
    assert (done["completedIndexes"], done["succeeded"], done["failed"]) == ("0-2", 3, 1)
    assert condition(world.one(JOBS, "work"), "Complete")["status"] == "True"


async def test_each_index_has_its_own_back_off_limit() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, indexed(2, parallelism=2, backoffLimitPerIndex=1))
        await world.settle()
        first = meta.name(of_index(world, 0))
        world.end_pod(first, code=1)
        await world.settle()
        assert FINALIZER in meta.finalizers(world.one(PODS, first)), "its failure count is still needed"
        world.end_pod(meta.name(of_index(world, 1)))
        await world.pass_time(10)
        second = of_index(world, 0)
        assert meta.annotations(second)[indexes.FAILURE_COUNT] == "1"
        assert FINALIZER not in meta.finalizers(world.one(PODS, first))
        world.end_pod(meta.name(second), code=1)
        await world.settle()
    done = status(world)
    assert (done["failedIndexes"], done["completedIndexes"], done["failed"]) == ("0", "1", 2)
    failed = condition(world.one(JOBS, "work"), "Failed")
    assert (failed["reason"], failed["message"]) == ("FailedIndexes", "Job has failed indexes")


async def test_max_failed_indexes_ends_the_job_early() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, indexed(5, parallelism=5, backoffLimitPerIndex=0, maxFailedIndexes=1))
        await world.settle()
        for index in (0, 3):
            world.end_pod(meta.name(of_index(world, index)), code=1)
            await world.settle()
    assert status(world)["failedIndexes"] == "0,3"
    failed = condition(world.one(JOBS, "work"), "Failed")
    assert failed["reason"] == "MaxFailedIndexesExceeded"


FAILURE_POLICY = {
    "rules": [
        {"action": "FailJob", "onExitCodes": {"containerName": "c", "operator": "In", "values": [42]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [42]}},
    ]
}


async def test_pod_failure_policy_fails_the_job_or_ignores_the_pod() -> None:
    world = World()
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    async with world.running(controller.new):
        world.add(JOBS, job(backoffLimit=0, podFailurePolicy=FAILURE_POLICY))
        await world.settle()
        world.end_pod(only(world), code=137, conditions=disrupted)
        await world.pass_time(10)
        assert "failed" not in status(world)
        name = only(world)
        world.end_pod(name, code=42)
        await world.settle()
    failed = condition(world.one(JOBS, "work"), "Failed")
    assert failed["reason"] == "PodFailurePolicy"
    message = f"Container c for pod d/{name} failed with exit code 42 matching FailJob rule at index 0"
    assert failed["message"] == message


async def test_fail_index_rules_fail_the_index_at_once() -> None:
    policy = {"rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [7]}}]}
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, indexed(2, parallelism=1, backoffLimitPerIndex=5, podFailurePolicy=policy))
        await world.settle()
        world.end_pod(meta.name(of_index(world, 0)), code=7)
        await world.settle()
        assert status(world)["failedIndexes"] == "0"
        assert of_index(world, 1)


async def test_success_policy_ends_the_job_and_what_still_runs() -> None:
    world = World()
    policy = {"rules": [{"succeededIndexes": "0-1", "succeededCount": 1}]}
    async with world.running(controller.new):
        world.add(JOBS, indexed(3, parallelism=3, successPolicy=policy))
        await world.settle()
        for pod in active(world):
            world.run_pod(meta.name(pod))
        world.end_pod(meta.name(of_index(world, 1)))
        await world.settle()
        met = condition(world.one(JOBS, "work"), "SuccessCriteriaMet")
        assert (met["reason"], met["message"]) == ("SuccessPolicy", "Matched rules at index 0")
        assert not condition(world.one(JOBS, "work"), "Complete")
        for pod in world.pods():
            if meta.is_terminating(pod):
                world.end_pod(meta.name(pod), code=143)
        await world.settle()
    assert condition(world.one(JOBS, "work"), "Complete")["reason"] == "SuccessPolicy"
    assert status(world)["succeeded"] == 1


async def test_suspended_and_resumed() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(parallelism=2, completions=2, activeDeadlineSeconds=60))
        await world.settle()
        for pod in active(world):
            world.run_pod(meta.name(pod))
        world.change(JOBS, "work", lambda j: j["spec"].update(suspend=True))
        await world.pass_time(300)
        assert active(world) == []
        suspended = condition(world.one(JOBS, "work"), "Suspended")
        assert (suspended["status"], suspended["reason"], suspended["message"]) == (
            "True",
            "JobSuspended",
            "Job suspended",
        )
        for pod in world.pods():
            world.end_pod(meta.name(pod), code=143)
        await world.settle()
        assert "failed" not in status(world), "what suspension stopped has not failed"
        world.change(JOBS, "work", lambda j: j["spec"].update(suspend=False))
        await world.settle()
        assert len(active(world)) == 2
        assert condition(world.one(JOBS, "work"), "Suspended")["reason"] == "JobResumed"
        assert status(world)["startTime"] == world.now()
        assert world.recorder.reasons.count("Suspended") == world.recorder.reasons.count("Resumed") == 1


async def test_the_active_deadline() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(activeDeadlineSeconds=100))
        await world.pass_time(99)
        assert len(active(world)) == 1
        await world.pass_time(1.1)
    failed = condition(world.one(JOBS, "work"), "Failed")
    assert (failed["reason"], failed["message"]) == (
        "DeadlineExceeded",
        "Job was active longer than specified deadline",
    )


@pytest.mark.parametrize(("policy", "replaced"), [("TerminatingOrFailed", True), ("Failed", False)])
async def test_pod_replacement_policy(policy: str, replaced: bool) -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(podReplacementPolicy=policy))
        await world.settle()
        name = only(world)
        world.run_pod(name)
        world.change(PODS, name, lambda p: p["metadata"].update(deletionTimestamp=world.now()))
        await world.pass_time(11)
        assert bool(active(world)) is replaced
        assert status(world)["terminating"] == 1
        world.end_pod(name, code=143)
        await world.pass_time(11)
        assert len(active(world)) == 1


async def test_managed_by_another_controller_is_left_alone() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(managedBy="example.com/mine"))
        await world.settle()
    assert world.pods() == []
    assert "status" not in world.one(JOBS, "work") or not status(world)


async def test_pods_of_a_job_that_is_gone_lose_the_finalizer() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job())
        await world.settle()
        world.remove(JOBS, "work")
        await world.settle()
        world.remove(PODS, only(world))
    assert world.pods() == []


async def test_fewer_are_wanted() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(parallelism=5, completions=10))
        await world.settle()
        world.change(JOBS, "work", lambda j: j["spec"].update(parallelism=2))
        await world.settle()
    assert (len(active(world)), status(world)["active"], status(world).get("failed")) == (2, 2, None)


async def test_creation_that_is_refused_is_told_and_tried_again() -> None:
    world = World()
    refused = errors.forbidden(PODS.gr, "work-", "exceeded quota")
    async with world.running(controller.new):
        world.refuse = lambda verb, gvr, obj: refused if (verb, gvr) == ("create", PODS) else None
        world.add(JOBS, job(parallelism=20, completions=20))
        await world.settle()
        assert sum(verb == "create" for verb, *_ in world.writes) < 20, "it starts slowly"
        assert "FailedCreate" in world.recorder.reasons
        world.refuse = lambda verb, gvr, obj: None
        await world.pass_time(600)
    assert len(active(world)) == 20


@pytest.mark.parametrize("seed", range(12))
async def test_kill_9_anywhere_counts_no_pod_twice(seed: int) -> None:
    """The controller dies after any write, again and again; pods end meanwhile."""
    rng = random.Random(seed)
    world = World()
    mode = "Indexed" if seed % 2 else "NonIndexed"
    world.add(JOBS, job(completionMode=mode, parallelism=3, completions=6, backoffLimit=100))
    failed = 0
    for _ in range(60):
        left = rng.randint(1, 6)

        def refuse(verb: str, gvr: Any, obj: Any) -> errors.StatusError | None:
            nonlocal left
            left -= 1
            return errors.internal_error("killed") if left < 0 else None

        world.refuse = refuse
        async with world.running(controller.new):
            await world.pass_time(rng.choice((0.1, 30)))
        for pod in active(world):
            choice = rng.random()
            if choice < 0.3 and failed < 9:
                world.end_pod(meta.name(pod), code=1)
                failed += 1
            elif choice < 0.5:
                world.end_pod(meta.name(pod))
    world.refuse = lambda verb, gvr, obj: None
    async with world.running(controller.new):
        for _ in range(30):
            await world.pass_time(400)
            for pod in active(world):
                world.end_pod(meta.name(pod))
    done = status(world)
    ended = [p for p in world.pods() if p["status"]["phase"] == "Succeeded"]
    assert condition(world.one(JOBS, "work"), "Complete")["status"] == "True"
    assert done["succeeded"] == 6 or (not seed % 2 and done["succeeded"] == len(ended))
    assert done.get("failed", 0) == sum(p["status"]["phase"] == "Failed" for p in world.pods())
    assert all(FINALIZER not in meta.finalizers(p) for p in world.pods())


@pytest.mark.parametrize(
    ("numbers", "text"), [((), ""), ((0, 1), "0,1"), ((1, 3, 4, 5, 7), "1,3-5,7"), ((0, 1, 2, 9), "0-2,9")]
)
def test_ranges(numbers: tuple[int, ...], text: str) -> None:
    assert indexes.format_ranges(numbers) == text
    assert indexes.parse_ranges(text, 100) == set(numbers)
    assert indexes.parse_ranges("0-1000000000000", 3) == {0, 1, 2}


async def test_a_crowd_of_ending_pods_is_one_write_a_second() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(JOBS, job(completions=100, parallelism=50))
        await world.pass_time(2)
        world.writes.clear()
        for name in [meta.name(p) for p in active(world)]:
            world.end_pod(name)
            await world.settle()
        written = [w for w in world.writes if w[:2] == ("update", "jobs")]
        assert len(written) <= 2
        for _ in range(4):
            await world.pass_time(1)
            for name in [meta.name(p) for p in active(world)]:
                world.end_pod(name)
        await world.pass_time(2)
    assert status(world)["succeeded"] == 100
    assert condition(world.one(JOBS, "work"), "Complete")["status"] == "True"
