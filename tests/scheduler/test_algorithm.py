"""Where pods go, and the words when they go nowhere."""

import random
from typing import Any

import pytest

from kubepy.machinery import labels
from kubepy.scheduler.algorithm import Verdict, schedule
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import Cycle
from kubepy.scheduler.resources import pod_requests

CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def node(name: str, cpu: str = "2", memory: str = "4Gi", taints: Any = (), **more: Any) -> NodeInfo:
    info = NodeInfo(name)
    own = {"kubernetes.io/hostname": name, **more.pop("labels", {})}
    spec = {"taints": list(taints), **more}
    allocatable = {"cpu": cpu, "memory": memory, "pods": "110"}
    info.set_node(
        {"metadata": {"name": name, "labels": own}, "spec": spec, "status": {"allocatable": allocatable}}
    )
    return info


def pod(name: str = "p", cpu: str | None = None, own: Any = None, **spec: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c", "image": "i"}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    metadata = {"name": name, "namespace": "default", "uid": name, "labels": own or {}}
    return {"metadata": metadata, "spec": {"containers": [container], **spec}}


def place(wanted: dict[str, Any], *nodes: NodeInfo, **cycle: Any) -> Verdict:
    return schedule(Cycle(wanted, list(nodes), **cycle), random.Random(1))


def test_message_counts_reasons_in_kubernetes_words() -> None:
    nodes = [node("m", taints=[CONTROL_PLANE]), *(node(f"w{n}", cpu="1") for n in range(3))]
    verdict = place(pod(cpu="1500m"), *nodes)
    assert verdict.node is None
    assert verdict.message == (
        "0/4 nodes are available: 1 node(s) had untolerated taint "
        "{node-role.kubernetes.io/control-plane: }, 3 Insufficient cpu."
    )


def test_no_nodes_at_all() -> None:
    assert place(pod()).message == "no nodes available to schedule pods"


def test_toleration_opens_a_tainted_node() -> None:
    tolerations = [{"key": CONTROL_PLANE["key"], "operator": "Exists", "effect": "NoSchedule"}]
    assert place(pod(tolerations=tolerations), node("m", taints=[CONTROL_PLANE])).node == "m"


def test_what_runs_already_counts() -> None:
    full, free = node("full"), node("free")
    full.add_pod(pod("big", cpu="1800m"))
    assert place(pod(cpu="500m"), full, free).node == "free"
    free.add_pod(pod("other", cpu="2"))
    assert "2 Insufficient cpu" in place(pod(cpu="500m"), full, free).message


def test_removed_pods_give_their_room_back() -> None:
    only = node("w")
    only.add_pod(pod("big", cpu="2"))
    only.remove_pod("big")
    assert place(pod(cpu="2"), only).node == "w"


def test_cordoned_node_is_left_alone() -> None:
    assert place(pod(), node("w", unschedulable=True)).message == (
        "0/1 nodes are available: 1 node(s) were unschedulable."
    )


@pytest.mark.parametrize(
    ("selector", "expected"),
    [({"disk": "ssd"}, "b"), ({"kubernetes.io/hostname": "a"}, "a")],
)
def test_node_selector(selector: dict[str, str], expected: str) -> None:
    assert place(pod(nodeSelector=selector), node("a"), node("b", labels={"disk": "ssd"})).node == expected


def test_node_affinity_terms_are_alternatives_and_expressions_conditions() -> None:
    terms = [
        {
            "matchExpressions": [
                {"key": "disk", "operator": "In", "values": ["ssd"]},
                {"key": "gpu", "operator": "Exists"},
            ]
        },
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["c"]}]},
    ]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    wanted = pod(affinity={"nodeAffinity": required})
    assert place(wanted, node("a"), node("b", labels={"disk": "ssd"}), node("c")).node == "c"
    assert place(wanted, node("a"), node("b", labels={"disk": "ssd"})).message == (
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    )


def test_replicas_of_one_service_spread_over_the_nodes() -> None:
    nodes = [node(f"w{n}") for n in range(3)]
    siblings = labels.from_map({"app": "web"})
    for number in range(6):
        wanted = pod(f"web-{number}", own={"app": "web"})
        chosen = place(wanted, *nodes, sibling_selector=siblings).node
        next(n for n in nodes if n.name == chosen).add_pod(wanted)
    assert [len(n.pods) for n in nodes] == [2, 2, 2]


def test_hard_spread_constraint_forbids_skew() -> None:
    constraint = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    a, b = node("a"), node("b", unschedulable=True)
    a.add_pod(pod("one", own={"app": "web"}))
    wanted = pod("two", own={"app": "web"}, topologySpreadConstraints=[constraint])
    assert "1 node(s) didn't match pod topology spread constraints" in place(wanted, a, b).message


def test_required_anti_affinity_keeps_apart_both_ways() -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}
    anti = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    a, b = node("a"), node("b")
    a.add_pod(pod("db-0", own={"app": "db"}, affinity=anti))
    assert place(pod("db-1", own={"app": "db"}), a, b).node == "b"
    assert place(pod("x", own={"app": "x"}, affinity=anti), a, b).node == "b"
    assert (
        "didn't satisfy existing pods anti-affinity rules" in place(pod("db-2", own={"app": "db"}), a).message
    )


def test_first_pod_of_an_affine_group_may_start_anywhere() -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    a, b = node("a"), node("b")
    assert place(pod("w0", own={"app": "web"}, affinity=affinity), a, b).node in ("a", "b")
    b.add_pod(pod("w0", own={"app": "web"}))
    assert place(pod("w1", own={"app": "web"}, affinity=affinity), a, b).node == "b"
    stranger = place(pod("x", own={"app": "x"}, affinity=affinity), a)
    assert "1 node(s) didn't match pod affinity rules" in stranger.message


def test_host_ports_are_exclusive() -> None:
    def with_port(name: str) -> dict[str, Any]:
        found = pod(name)
        found["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 8080}]
        return found

    a = node("a")
    a.add_pod(with_port("one"))
    assert "didn't have free ports for the requested pod ports" in place(with_port("two"), a).message


def test_requests_are_the_hungriest_moment() -> None:
    """Containers and sidecars together, or an init container with the sidecars before it."""

    def container(cpu: str, **more: Any) -> dict[str, Any]:
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}

    wanted = pod()
    wanted["spec"]["containers"] = [container("100m"), container("200m")]
    wanted["spec"]["initContainers"] = [container("50m", restartPolicy="Always"), container("500m")]
    assert pod_requests(wanted)["cpu"] == 550
    wanted["spec"]["initContainers"][1] = container("100m")
    assert pod_requests(wanted)["cpu"] == 350
