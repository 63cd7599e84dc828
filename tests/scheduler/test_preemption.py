"""Who has to make way for whom, and the words when nobody can."""

from typing import Any

from kubepy.machinery.meta import Obj
from kubepy.scheduler.pod_info import PodInfo
from kubepy.scheduler.preemption import DefaultPreemption, Outcome
from tests.scheduler.test_algorithm import anti_affinity
from tests.scheduler.world import CONTROL_PLANE, Cluster, FakeListers, node, pod


def important(priority: int = 1000, cpu: str = "1500m", **more: Any) -> Obj:
    return pod(cpu=cpu, priority=priority, **more)


def budget(allowed: int, app: str) -> Obj:
    return {
        "metadata": {"name": app, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": app}}},
        "status": {"disruptionsAllowed": allowed},
    }


def preempt(cluster: Cluster, wanted: Obj) -> Outcome:
    cycle = cluster.cycle(wanted)
    verdict = cluster.algorithm.schedule(cluster.profile, cycle, cluster.nominated)
    assert verdict.node is None
    assert isinstance(cluster.profile.preemption, DefaultPreemption)
    before = cluster.cache.table.requested("cpu").copy()
    outcome = cluster.profile.preemption.preempt(
        cluster.profile.filters, cycle, verdict.diagnosis, cluster.nominated
    )
    assert (cluster.cache.table.requested("cpu") == before).all()
    return outcome


def victims(outcome: Outcome) -> tuple[str, list[str]]:
    assert outcome.candidate is not None, outcome.message
    return outcome.candidate.node, [v.pod["metadata"]["name"] for v in outcome.candidate.victims]


def test_lowest_priority_goes() -> None:
    cluster = Cluster(node("a"), node("b"))
    cluster.run(pod("low", cpu="1", priority=1), "a")
    cluster.run(pod("high", cpu="1", priority=10), "b")
    assert victims(preempt(cluster, important())) == ("a", ["low"])


def test_no_more_go_than_must() -> None:
    cluster = Cluster(node("a"))
    for name, cpu, priority in (("x", "500m", 5), ("y", "500m", 1), ("z", "900m", 3)):
        cluster.run(pod(name, cpu=cpu, priority=priority), "a")
    assert victims(preempt(cluster, important(cpu="1"))) == ("a", ["z"])


def test_disruption_budgets_weigh_more_than_priorities() -> None:
    listers = FakeListers(poddisruptionbudgets=[budget(0, "guarded")])
    cluster = Cluster(node("a"), node("b"), listers=listers)
    cluster.run(pod("guarded", cpu="1", priority=1, own={"app": "guarded"}), "a")
    cluster.run(pod("free", cpu="1", priority=10), "b")
    assert victims(preempt(cluster, important())) == ("b", ["free"])


def test_a_budget_that_allows_one_is_used_up_by_one() -> None:
    listers = FakeListers(poddisruptionbudgets=[budget(1, "web")])
    cluster = Cluster(node("a"), listers=listers)
    for number in range(2):
        cluster.run(pod(f"web-{number}", cpu="1", own={"app": "web"}), "a")
    outcome = preempt(cluster, important(cpu="2"))
    assert outcome.candidate is not None
    assert outcome.candidate.violations == 1


def test_younger_goes_of_equals() -> None:
    cluster = Cluster(node("a"), node("b"))
    for name, on, since in (("old", "a", "2026-01-01T00:00:00Z"), ("young", "b", "2026-02-01T00:00:00Z")):
        cluster.run(pod(name, cpu="1", status={"startTime": since}), on)
    assert victims(preempt(cluster, important())) == ("b", ["young"])


def test_pods_in_the_way_by_anti_affinity_go_too() -> None:
    cluster = Cluster(node("a"))
    cluster.run(pod("rival", own={"app": "db"}), "a")
    cluster.run(pod("bystander"), "a")
    assert victims(preempt(cluster, important(affinity=anti_affinity("db")))) == ("a", ["rival"])


def test_message_when_nobody_is_less_important_or_it_would_not_help() -> None:
    cluster = Cluster(node("m", taints=[CONTROL_PLANE]), *(node(f"w{n}") for n in range(3)))
    for number in range(3):
        cluster.run(pod(cpu="1", priority=1000), f"w{number}")
    assert preempt(cluster, important()).message == (
        "0/4 nodes are available: 1 Preemption is not helpful for scheduling, "
        "3 No preemption victims found for incoming pod."
    )


def test_more_than_a_node_has_is_no_case_for_preemption() -> None:
    cluster = Cluster(node("a"))
    cluster.run(pod(cpu="1"), "a")
    assert preempt(cluster, important(cpu="3")).message == (
        "0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )


def test_reason_that_remains_without_the_victims_is_told() -> None:
    cluster = Cluster(node("a"))
    cluster.run(pod(cpu="1", priority=1), "a")
    cluster.run(pod(cpu="1", priority=5000), "a")
    assert preempt(cluster, important()).message == "0/1 nodes are available: 1 Insufficient cpu."


def test_policy_never() -> None:
    cluster = Cluster(node("a"))
    cluster.run(pod(cpu="1"), "a")
    outcome = preempt(cluster, important(preemptionPolicy="Never"))
    assert outcome.message == "not eligible due to preemptionPolicy=Never."


def test_waits_for_victims_that_are_on_their_way() -> None:
    cluster = Cluster(node("a"), node("b"))
    reason = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    cluster.run(pod(cpu="1", terminating=True, status={"conditions": [reason]}), "a")
    cluster.run(pod(cpu="1"), "b")
    outcome = preempt(cluster, important(status={"nominatedNodeName": "a"}))
    assert outcome.message == "not eligible due to terminating pod on the nominated node."
    assert outcome.keep_nomination


def test_room_of_a_nominated_pod_is_not_given_to_a_lesser_one() -> None:
    cluster = Cluster(node("a"))
    cluster.nominated = {"a": [PodInfo(important())]}
    assert cluster.place(pod(cpu="1")).message == "0/1 nodes are available: 1 Insufficient cpu."
    assert cluster.place(important(priority=2000)).node == "a"
    assert cluster.place(pod(cpu="500m")).node == "a"


def test_nominated_node_is_taken_when_it_is_free() -> None:
    cluster = Cluster(*(node(f"w{n}") for n in range(5)))
    cluster.run(pod(cpu="100m"), "w3")
    assert cluster.place(important(status={"nominatedNodeName": "w3"})).node == "w3"
