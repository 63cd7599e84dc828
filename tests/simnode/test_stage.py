"""Stages as data: which comes next, when, and how likely."""

import random
from collections import Counter
from typing import Any

import pytest

from kubepy.simnode import DEFAULT_STAGES, Next, SimNodeConfig, Stage, When
from kubepy.simnode.addresses import AddressPool
from kubepy.simnode.stage import choose, wait
from kubepy.simnode.status import status_after
from kubepy.util import config

NOW = "2026-01-01T00:00:00Z"


def pod(phase: str = "Pending", **more: Any) -> dict[str, Any]:
    metadata = {"name": "p", "namespace": "d", "uid": "u", **more.pop("metadata", {})}
    containers = [{"name": "c", "image": "i"}, {"name": "s", "image": "j"}]
    spec = {"nodeName": "n", "containers": containers, **more.pop("spec", {})}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase, **more}}


def chosen(subject: dict[str, Any]) -> str | None:
    stage = choose(DEFAULT_STAGES, subject, random.Random(0))
    return stage.name if stage else None


def test_default_stages() -> None:
    job = {"ownerReferences": [{"kind": "Job", "name": "j", "controller": True}]}
    going = {"deletionTimestamp": NOW}
    assert chosen(pod()) == "running"
    assert chosen(pod("Running")) is None
    assert chosen(pod("Running", metadata=job)) == "completed"
    assert chosen(pod("Succeeded", metadata=job)) is None
    assert chosen(pod("Running", metadata=going)) == "deleted"


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        (When(labels={"app": "web"}), True),
        (When(labels={"app": "db"}), False),
        (When(annotations={"break": "yes"}), True),
        (When(namespaces=["other"]), False),
        (When(nodes=["n"]), True),
        (When(restart_policies=["Never"]), False),
        (When(ready=True), False),
        (When(max_restarts=1), False),
        (When(max_restarts=2), True),
    ],
)
def test_selecting(when: When, matches: bool) -> None:
    subject = pod(
        metadata={"labels": {"app": "web"}, "annotations": {"break": "yes"}},
        containerStatuses=[{"name": "c", "restartCount": 2}],
    )
    assert when.matches(subject) == matches


def test_weights_are_likelihoods() -> None:
    stages = [
        Stage("well", When(), Next(), weight=9),
        Stage("ill", When(), Next(), weight=1),
        Stage("never", When(), Next(), weight=0),
    ]
    rng = random.Random(3)
    counted = Counter(stage.name for _ in range(2000) if (stage := choose(stages, pod(), rng)))
    assert set(counted) == {"well", "ill"}
    assert 140 < counted["ill"] < 260


def test_jitter_lies_on_top_of_the_delay() -> None:
    rng = random.Random(0)
    stage = Stage("s", When(), Next(), delay=2, jitter=3)
    waits = [wait(stage, rng) for _ in range(200)]
    assert 2 <= min(waits) < 2.2
    assert 4.8 < max(waits) < 5


def test_status_of_a_running_pod_is_a_kubelets() -> None:
    status = status_after(
        pod(), Next(phase="Running", ready=True), pod_ip="10.1.0.1", host_ip="1.1.1.1", now=NOW
    )
    assert (status["phase"], status["podIP"], status["hostIP"]) == ("Running", "10.1.0.1", "1.1.1.1")
    assert {c["type"]: c["status"] for c in status["conditions"]} == {
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
    }
    assert [c["ready"] for c in status["containerStatuses"]] == [True, True]
    assert status["containerStatuses"][0]["state"] == {"running": {"startedAt": NOW}}


def test_status_of_a_failed_pod_tells_the_exit_code() -> None:
    status = status_after(
        pod("Running"), Next(phase="Failed", ready=False, exit_code=3), pod_ip="a", host_ip="b", now=NOW
    )
    ended = status["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["finishedAt"]) == (3, "Error", NOW)
    assert not status["containerStatuses"][0]["ready"]


def test_restart_is_counted_and_remembered() -> None:
    before = pod("Running", containerStatuses=[{"name": "c", "restartCount": 1}])
    status = status_after(before, Next(restart=True, exit_code=137), pod_ip="a", host_ip="b", now=NOW)
    container = status["containerStatuses"][0]
    assert container["restartCount"] == 2
    assert container["lastState"]["terminated"]["exitCode"] == 137
    assert "running" in container["state"]


def test_stages_are_read_from_a_file() -> None:
    text = """
nodes: 3
stages:
- name: slow start
  when: {phases: [Pending], labels: {app: slow}}
  delay: 20
  jitter: 10
  next: {phase: Running, ready: true, event: {reason: Started, message: at last}}
"""
    read = config.loads(SimNodeConfig, text)
    assert read.stages[0].delay == 20
    assert read.stages[0].next.event is not None
    with pytest.raises(config.ConfigError, match="must not be negative"):
        config.loads(SimNodeConfig, "stages: [{name: x, when: {}, next: {}, delay: -1}]")


def test_addresses_are_given_once_and_again_when_free() -> None:
    pool = AddressPool("10.0.0.0/29")
    pool.keep("before", "10.0.0.2")
    given = [pool.take(str(n)) for n in range(5)]
    assert given == ["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]
    assert pool.take("0") == "10.0.0.1"
    with pytest.raises(ValueError, match="no address is left"):
        pool.take("one more")
    pool.free("3")
    assert pool.take("one more") == "10.0.0.5"
