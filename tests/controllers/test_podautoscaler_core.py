"""The autoscaler's arithmetic: pods grouped, replicas proposed, proposals held back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubepy.controllers.podautoscaler import behavior, grouping, proportion
from kubepy.controllers.podautoscaler.behavior import Dated, History, Limits
from kubepy.controllers.podautoscaler.grouping import PodMetric
from kubepy.controllers.podautoscaler.metrics_client import container_metric, pod_metric
from kubepy.controllers.podautoscaler.proportion import MetricError, Tolerances
from kubepy.controllers.podautoscaler.selectors import go_selector

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def stamp(seconds_ago: float) -> str:
    return (NOW - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(
    name: str, *, ready: bool = True, started: float = 3600, since: float | None = None, **status: Any
) -> Any:
    condition = {
        "type": "Ready",
        "status": str(ready),
        "lastTransitionTime": stamp(started if since is None else since),
    }
    return {
        "metadata": {"name": name, "namespace": "d"},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]},
        "status": {"phase": "Running", "startTime": stamp(started), "conditions": [condition], **status},
    }


def metrics(*values: int, window: float = 30, ago: float = 0) -> dict[str, PodMetric]:
    at = NOW - timedelta(seconds=ago)
    return {f"p{i}": PodMetric(value, at, window) for i, value in enumerate(values)}


def grouped(pods: list[Any], found: dict[str, PodMetric], resource: str = "cpu") -> grouping.Groups:
    return grouping.group(
        pods, found, resource, now=NOW, cpu_initialization_period=300, initial_readiness_delay=30
    )


def replicas(pods: list[Any], found: dict[str, PodMetric], target: int, current: int | None = None) -> int:
    groups = grouped(pods, found)
    requests = proportion.requests_of(pods, "cpu")
    current = len(pods) if current is None else current
    return proportion.by_utilization(current, target, found, requests, groups, Tolerances()).replicas


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (pod("p0"), "ready"),
        (pod("p0", phase="Pending"), "unready"),
        (pod("p0", phase="Failed"), "ignored"),
        (pod("p0", phase="Succeeded"), "ready"),
        (pod("p1"), "missing"),
        (pod("p0", ready=False, started=100), "unready"),  # still starting
        (pod("p0", started=100, since=20), "unready"),  # ready for less than the window it was measured over
        (pod("p0", started=100, since=40), "ready"),
        (pod("p0", ready=False, started=3600, since=3590), "unready"),  # never was ready
        (pod("p0", ready=False, started=3600, since=60), "ready"),  # was ready, and is not now
        (pod("p0", conditions=[]), "unready"),
    ],
)
def test_pods_are_grouped_by_how_far_their_metrics_count(made: Any, expected: str) -> None:
    groups = grouped([made], metrics(100))
    names = {"ready": groups.ready, "unready": len(groups.unready), "missing": len(groups.missing)}
    names["ignored"] = len(groups.ignored)
    assert {k: v for k, v in names.items() if v} == {expected: 1}


def test_start_up_matters_to_cpu_only() -> None:
    assert grouped([pod("p0", ready=False, started=100)], metrics(1), "memory").ready == 1


@pytest.mark.parametrize(
    ("values", "target", "expected"),
    [
        ((300, 500, 700), 30, 5),  # 50% of 30%
        ((300, 300, 300), 30, 3),
        ((320, 320, 320), 30, 3),  # within a tenth
        ((331, 331, 331), 30, 3),  # utilization is whole percents: 33 is just within
        ((100, 100, 100), 50, 1),
        ((1000, 1000, 1000), 30, 10),
    ],
)
def test_replicas_follow_the_ratio(values: tuple[int, ...], target: int, expected: int) -> None:
    pods = [pod(f"p{i}") for i in range(3)]
    assert replicas(pods, metrics(*values), target) == expected


def test_unready_pods_damp_a_scale_up_and_missing_ones_do_either_way() -> None:
    pods = [pod("p0"), pod("p1"), pod("p2", ready=False, started=60)]
    assert replicas([pod("p0"), pod("p1")], metrics(600, 600), 30) == 4
    assert (
        replicas(pods, metrics(600, 600, 900), 30) == 4
    )  # p2 counts as using nothing: 40% of 30%, three pods
    blind = [pod("p0"), pod("p1"), pod("p2")]
    assert replicas(blind, metrics(600, 600), 30) == 4  # p2 is taken to use nothing
    assert replicas(blind, metrics(100, 100), 50) == 3  # p2 is taken to use all it asked for: 40% of 50%
    assert replicas([*blind, pod("p3")], metrics(10, 10, 10), 50) == 2  # 25% of 50%


def test_no_change_when_the_doubtful_pods_would_turn_it_round() -> None:
    pods = [pod("p0"), pod("p1"), pod("p2"), pod("p3")]
    assert replicas(pods, metrics(400), 30) == 4
    assert replicas(pods, metrics(200), 30) == 4


def test_what_is_missing_is_said() -> None:
    with pytest.raises(
        MetricError, match=r"did not receive metrics for targeted pods \(pods might be unready\)"
    ):
        replicas([pod("p0", phase="Pending")], metrics(100), 30)
    without = pod("p0")
    del without["spec"]["containers"][0]["resources"]
    with pytest.raises(MetricError, match="missing request for cpu in container c of Pod p0"):
        replicas([without], metrics(100), 30)
    with pytest.raises(MetricError, match="no metrics returned matched known pods"):
        replicas([pod("p0")], {"other": PodMetric(1, NOW)}, 30)


def test_metrics_of_other_things() -> None:
    ready = [pod("p0"), pod("p1"), pod("p2", ready=False)]
    assert proportion.by_value(3, 4000, 1000, ready, Tolerances()) == 8  # times two ready pods
    assert proportion.by_value(3, 1050, 1000, ready, Tolerances()) == 3
    assert proportion.by_value(0, 2500, 1000, [], Tolerances()) == 3
    assert proportion.by_value_per_pod(4, 10_000, 2000, Tolerances()) == (5, 2500)
    assert proportion.by_value_per_pod(5, 10_400, 2000, Tolerances()) == (5, 2080)
    with pytest.raises(MetricError, match="no pods returned by selector"):
        proportion.by_value(3, 4000, 1000, [], Tolerances())


def test_own_tolerances() -> None:
    assert not Tolerances(0.0, 0.1).within(1.01)
    assert Tolerances(0.0, 0.1).within(0.9)
    assert Tolerances(0.5, 0.1).within(1.5)


def test_pod_metrics_are_summed_and_a_container_is_found() -> None:
    item = {
        "metadata": {"name": "p0", "namespace": "d"},
        "timestamp": "2026-01-01T12:00:00Z",
        "window": "15.5s",
        "containers": [
            {"name": "a", "usage": {"cpu": "250m", "memory": "1Mi"}},
            {"name": "b", "usage": {"cpu": "1500000n"}},
        ],
    }
    assert pod_metric(item, "cpu") == PodMetric(252, NOW, 15.5)
    assert pod_metric(item, "memory") is None
    assert container_metric(item, "memory", "a") == PodMetric(1048576000, NOW, 15.5)
    with pytest.raises(MetricError, match="container c not present in metrics for pod d/p0"):
        container_metric(item, "cpu", "c")


def policies(side: str, *entries: tuple[str, int, int], **more: Any) -> dict[str, Any]:
    made = [{"type": kind, "value": value, "periodSeconds": period} for kind, value, period in entries]
    return {side: {"policies": made, **more}}


def decide(
    current: int, desired: int, rules: Any = None, history: History | None = None, **limits: Any
) -> Any:
    bounds = Limits(limits.get("minimum", 1), limits.get("maximum", 100), rules)
    verdict = behavior.decide(current, desired, history or History(), bounds, 1000.0)
    return verdict.replicas, verdict.stabilized[0], verdict.limited[0]


def test_without_behavior() -> None:
    assert decide(3, 20) == (6, "ReadyForNewScale", "ScaleUpLimit")
    assert decide(1, 20) == (4, "ReadyForNewScale", "ScaleUpLimit")
    assert decide(3, 20, maximum=5) == (5, "ReadyForNewScale", "TooManyReplicas")
    assert decide(3, 0) == (1, "ReadyForNewScale", "TooFewReplicas")
    assert decide(3, 2) == (2, "ReadyForNewScale", "DesiredWithinRange")
    history = History([Dated(701.0, 8), Dated(699.0, 9)])
    assert decide(8, 2, None, history) == (8, "ScaleDownStabilized", "DesiredWithinRange")


def test_policies_set_the_pace() -> None:
    both = policies("scaleUp", ("Pods", 4, 15), ("Percent", 100, 15))
    assert decide(10, 100, both)[0::2] == (20, "ScaleUpLimit")
    assert decide(2, 100, both)[0::2] == (6, "ScaleUpLimit")
    slowest = policies("scaleUp", ("Pods", 4, 15), ("Percent", 100, 15), selectPolicy="Min")
    assert decide(10, 100, slowest)[0] == 14
    assert decide(10, 100, policies("scaleUp", ("Pods", 4, 15), selectPolicy="Disabled"))[0] == 10
    down = policies("scaleDown", ("Percent", 10, 60), stabilizationWindowSeconds=0)
    assert decide(50, 1, down)[0::2] == (45, "ScaleDownLimit")
    down = policies("scaleDown", ("Pods", 4, 60), ("Percent", 10, 60), stabilizationWindowSeconds=0)
    assert decide(10, 1, down)[0] == 6
    down["scaleDown"]["selectPolicy"] = "Min"
    assert decide(10, 1, down)[0] == 9
    assert decide(10, 1, down, minimum=9)[0::2] == (9, "TooFewReplicas")


def test_what_was_scaled_before_counts_against_the_policy() -> None:
    up = policies("scaleUp", ("Pods", 4, 60))
    history = History(ups=[Dated(939.0, 4), Dated(990.0, 3)])
    assert decide(10, 100, up, history)[0] == 11
    down = policies("scaleDown", ("Pods", 5, 60), stabilizationWindowSeconds=0)
    assert decide(10, 1, down, History(downs=[Dated(990.0, 5)]))[0] == 10
    assert decide(10, 1, down, History(ups=[Dated(990.0, 2)], downs=[Dated(990.0, 5)]))[0] == 8


def test_windows_take_the_mildest_recommendation_of_late() -> None:
    rules = {**policies("scaleUp", ("Percent", 100, 15), stabilizationWindowSeconds=60)}
    rules |= policies("scaleDown", ("Percent", 100, 15), stabilizationWindowSeconds=120)
    assert decide(5, 9, rules, History([Dated(950.0, 6)]))[:2] == (6, "ScaleUpStabilized")
    assert decide(5, 9, rules, History([Dated(930.0, 6)]))[:2] == (9, "ReadyForNewScale")
    assert decide(5, 2, rules, History([Dated(890.0, 4)]))[:2] == (4, "ScaleDownStabilized")
    assert decide(5, 2, rules, History([Dated(870.0, 4)]))[:2] == (2, "ReadyForNewScale")
    assert decide(5, 9, rules, History([Dated(950.0, 2)]))[:2] == (5, "ScaleUpStabilized")


def test_selectors_read_as_go_prints_them() -> None:
    assert go_selector(None) == "nil"
    shown = go_selector(
        {
            "matchLabels": {"b": "2", "a": "1"},
            "matchExpressions": [{"key": "x", "operator": "In", "values": ["y", "z"]}],
        }
    )
    assert shown == (
        "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{"
        "LabelSelectorRequirement{Key:x,Operator:In,Values:[y z],},},}"
    )
