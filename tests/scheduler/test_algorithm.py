"""Where pods go, and the words when they go nowhere."""

from typing import Any

import pytest

from kubepy.scheduler.resources import pod_requests
from tests.scheduler.world import (
    CONTROL_PLANE,
    HOSTNAME,
    ZONE,
    Cluster,
    FakeListers,
    node,
    place,
    pod,
)

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def anti_affinity(app: str, key: str = HOSTNAME, **more: Any) -> dict[str, Any]:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}
    return {"podAntiAffinity": {REQUIRED: [term]}}


def affinity(app: str, key: str = HOSTNAME, **more: Any) -> dict[str, Any]:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}
    return {"podAffinity": {REQUIRED: [term]}}


def spread(key: str = HOSTNAME, **more: Any) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
        **more,
    }


def test_message_counts_reasons_in_kubernetes_words() -> None:
    nodes = [node("m", taints=[CONTROL_PLANE]), *(node(f"w{n}", cpu="1") for n in range(3))]
    verdict = place(pod(cpu="1500m"), *nodes)
    assert verdict.node is None
    assert verdict.message == (
        "0/4 nodes are available: 1 node(s) had untolerated taint "
        "{node-role.kubernetes.io/control-plane: }, 3 Insufficient cpu."
    )


def test_one_node_may_give_several_reasons_of_one_plugin() -> None:
    wanted = pod(requests={"cpu": "3", "memory": "8Gi", "example.com/gpu": "1"})
    assert place(wanted, node("w")).message == (
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example.com/gpu, 1 Insufficient memory."
    )


def test_no_nodes_at_all() -> None:
    assert place(pod()).message == "no nodes available to schedule pods"


def test_toleration_opens_a_tainted_node() -> None:
    tolerations = [{"key": CONTROL_PLANE["key"], "operator": "Exists", "effect": "NoSchedule"}]
    assert place(pod(tolerations=tolerations), node("m", taints=[CONTROL_PLANE])).node == "m"


def test_preferring_not_is_no_forbidding() -> None:
    soft = {"key": "busy", "effect": "PreferNoSchedule"}
    assert place(pod(), node("a", taints=[soft]), node("b")).node == "b"
    assert place(pod(), node("a", taints=[soft])).node == "a"


def test_what_runs_already_counts() -> None:
    cluster = Cluster(node("full"), node("free"))
    cluster.run(pod(cpu="1800m"), "full")
    assert cluster.place(pod(cpu="500m")).node == "free"
    cluster.run(pod(cpu="2"), "free")
    assert "2 Insufficient cpu" in cluster.place(pod(cpu="500m")).message


def test_number_of_pods_is_limited() -> None:
    cluster = Cluster(node("w", allocatable={"pods": "1"}))
    cluster.run(pod(), "w")
    assert cluster.place(pod()).message == "0/1 nodes are available: 1 Too many pods."


def test_removed_and_finished_pods_give_their_room_back() -> None:
    cluster = Cluster(node("w"))
    gone, finished = pod(cpu="1"), pod(cpu="1")
    cluster.run(gone, "w")
    cluster.run(finished, "w")
    assert cluster.place(pod(cpu="2")).node is None
    cluster.cache.remove_pod(gone["metadata"]["uid"])
    cluster.run({**finished, "status": {"phase": "Succeeded"}}, "w")
    assert cluster.place(pod(cpu="2")).node == "w"


def test_cordoned_node_is_left_alone() -> None:
    assert place(pod(), node("w", unschedulable=True)).message == (
        "0/1 nodes are available: 1 node(s) were unschedulable."
    )


@pytest.mark.parametrize(
    ("selector", "expected"),
    [({"disk": "ssd"}, "b"), ({HOSTNAME: "a"}, "a")],
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
    required = {REQUIRED: {"nodeSelectorTerms": terms}}
    wanted = pod(affinity={"nodeAffinity": required})
    assert place(wanted, node("a"), node("b", labels={"disk": "ssd"}), node("c")).node == "c"
    assert place(wanted, node("a"), node("b", labels={"disk": "ssd"})).message == (
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    )


def test_preferred_node_affinity_decides_between_equals() -> None:
    term = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    preferred = {PREFERRED: [{"weight": 1, "preference": term}]}
    wanted = pod(affinity={"nodeAffinity": preferred})
    assert place(wanted, node("a"), node("b", labels={"disk": "ssd"}), node("c")).node == "b"


def test_replicas_of_one_service_spread_over_the_nodes() -> None:
    service = {"metadata": {"name": "web", "namespace": "default"}, "spec": {"selector": {"app": "web"}}}
    cluster = Cluster(*(node(f"w{n}") for n in range(3)), listers=FakeListers(services=[service]))
    placed = [cluster.put(pod(own={"app": "web"})) for _ in range(6)]
    assert sorted(placed) == ["w0", "w0", "w1", "w1", "w2", "w2"]  # type: ignore[type-var]


def test_hard_spread_constraint_forbids_skew() -> None:
    cluster = Cluster(node("a"), node("b", unschedulable=True))
    cluster.run(pod(own={"app": "web"}), "a")
    wanted = pod(own={"app": "web"}, topologySpreadConstraints=[spread()])
    assert "1 node(s) didn't match pod topology spread constraints" in cluster.place(wanted).message


def test_spread_leaves_nodes_without_the_label_out() -> None:
    wanted = pod(own={"app": "web"}, topologySpreadConstraints=[spread("rack")])
    assert place(wanted, node("a")).message == (
        "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints "
        "(missing required label)."
    )


def test_spread_with_fewer_domains_than_min_domains_counts_from_zero() -> None:
    cluster = Cluster(node("a", labels={ZONE: "z1"}), node("b", labels={ZONE: "z2"}))
    for name in ("a", "b"):
        cluster.run(pod(own={"app": "web"}), name)
    wanted = pod(own={"app": "web"}, topologySpreadConstraints=[spread(ZONE, minDomains=2)])
    assert cluster.place(wanted).node in ("a", "b")
    strict = pod(own={"app": "web"}, topologySpreadConstraints=[spread(ZONE, minDomains=3)])
    assert cluster.place(strict).node is None


def test_node_taints_policy_says_whether_tainted_nodes_count() -> None:
    cluster = Cluster(node("a"), node("b", taints=[CONTROL_PLANE]))
    cluster.run(pod(own={"app": "web"}), "a")
    ignore = pod(own={"app": "web"}, topologySpreadConstraints=[spread()])
    assert cluster.place(ignore).node is None
    honor = pod(own={"app": "web"}, topologySpreadConstraints=[spread(nodeTaintsPolicy="Honor")])
    assert cluster.place(honor).node == "a"


def test_node_affinity_policy_says_whether_unselected_nodes_count() -> None:
    cluster = Cluster(node("a", labels={"disk": "ssd"}), node("b"))
    cluster.run(pod(own={"app": "web"}), "a")
    more = {"nodeSelector": {"disk": "ssd"}, "own": {"app": "web"}}
    assert cluster.place(pod(topologySpreadConstraints=[spread()], **more)).node == "a"
    ignoring = spread(nodeAffinityPolicy="Ignore")
    assert cluster.place(pod(topologySpreadConstraints=[ignoring], **more)).node is None


def test_spread_match_label_keys_counts_only_the_own_revision() -> None:
    cluster = Cluster(node("a"), node("b"))
    cluster.run(pod(own={"app": "web", "rev": "1"}), "a")
    constraint = spread(matchLabelKeys=["rev"])
    newer = pod(own={"app": "web", "rev": "2"}, topologySpreadConstraints=[constraint], nodeName="")
    assert cluster.place({**newer, "spec": {**newer["spec"], "nodeSelector": {HOSTNAME: "a"}}}).node == "a"


def test_terminating_pods_do_not_count_for_spread_but_for_affinity() -> None:
    cluster = Cluster(node("a"), node("b"))
    cluster.run(pod(own={"app": "web"}, terminating=True), "a")
    wanted = pod(own={"app": "web"}, topologySpreadConstraints=[spread()], nodeSelector={HOSTNAME: "a"})
    assert cluster.place(wanted).node == "a"
    assert cluster.place(pod(affinity=anti_affinity("web"))).node == "b"


def test_required_anti_affinity_keeps_apart_both_ways() -> None:
    cluster = Cluster(node("a"), node("b"))
    cluster.run(pod("db-0", own={"app": "db"}, affinity=anti_affinity("db")), "a")
    assert cluster.place(pod("db-1", own={"app": "db"})).node == "b"
    assert cluster.place(pod("x", own={"app": "x"}, affinity=anti_affinity("db"))).node == "b"
    alone = Cluster(node("a"))
    alone.run(pod("db-0", own={"app": "db"}, affinity=anti_affinity("db")), "a")
    message = alone.place(pod("db-2", own={"app": "db"})).message
    assert message == ("0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.")
    message = alone.place(pod("x", own={"app": "x"}, affinity=anti_affinity("db"))).message
    assert message == "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."


def test_anti_affinity_reaches_over_the_whole_zone() -> None:
    cluster = Cluster(*(node(n, labels={ZONE: f"z-{n[0]}"}) for n in ("a1", "a2", "b1")))
    cluster.run(pod(own={"app": "db"}), "a1")
    assert cluster.place(pod(affinity=anti_affinity("db", ZONE))).node == "b1"


def test_first_pod_of_an_affine_group_may_start_anywhere() -> None:
    cluster = Cluster(node("a"), node("b"))
    assert cluster.place(pod(own={"app": "web"}, affinity=affinity("web"))).node in ("a", "b")
    cluster.run(pod(own={"app": "web"}, affinity=affinity("web")), "b")
    assert cluster.place(pod(own={"app": "web"}, affinity=affinity("web"))).node == "b"
    stranger = place(pod(own={"app": "x"}, affinity=affinity("web")), node("a"))
    assert stranger.message == "0/1 nodes are available: 1 node(s) didn't match pod affinity rules."


def test_affinity_terms_must_be_met_by_one_and_the_same_pod() -> None:
    both = {"podAffinity": {REQUIRED: [*affinity("a")["podAffinity"][REQUIRED]]}}
    both["podAffinity"][REQUIRED].append(
        {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": {"tier": "1"}}}
    )
    cluster = Cluster(node("w"))
    cluster.run(pod(own={"app": "a"}), "w")
    cluster.run(pod(own={"tier": "1"}), "w")
    assert cluster.place(pod(affinity=both)).node is None
    cluster.run(pod(own={"app": "a", "tier": "1"}), "w")
    assert cluster.place(pod(affinity=both)).node == "w"


def test_affinity_reaches_into_namespaces_that_a_selector_names() -> None:
    spaces = [
        {"metadata": {"name": "default", "labels": {}}},
        {"metadata": {"name": "team", "labels": {"kind": "team"}}},
    ]
    cluster = Cluster(node("a"), node("b"), listers=FakeListers(namespaces=spaces))
    cluster.run(pod(own={"app": "web"}, namespace="team"), "b")
    assert cluster.place(pod(affinity=affinity("web"))).node is None
    selector = {"matchLabels": {"kind": "team"}}
    assert cluster.place(pod(affinity=affinity("web", namespaceSelector=selector))).node == "b"
    assert cluster.place(pod(affinity=affinity("web", namespaces=["team"]))).node == "b"


def test_anti_affinity_with_a_namespace_selector_keeps_incoming_pods_away() -> None:
    spaces = [{"metadata": {"name": n, "labels": {"team": n}}} for n in ("default", "other")]
    cluster = Cluster(node("a"), listers=FakeListers(namespaces=spaces))
    selector = {"matchLabels": {"team": "other"}}
    cluster.run(pod(affinity=anti_affinity("web", namespaceSelector=selector)), "a")
    assert cluster.place(pod(own={"app": "web"})).node == "a"
    assert cluster.place(pod(own={"app": "web"}, namespace="other")).node is None


def test_mismatch_label_keys_keep_other_tenants_away() -> None:
    cluster = Cluster(node("a"), node("b"))
    cluster.run(pod(own={"app": "web", "tenant": "1"}), "a")
    cluster.run(pod(own={"app": "web", "tenant": "2"}), "b")
    apart = anti_affinity("web", mismatchLabelKeys=["tenant"])
    assert cluster.place(pod(own={"app": "web", "tenant": "2"}, affinity=apart)).node == "b"


def test_preferred_affinity_draws_and_repels() -> None:
    cluster = Cluster(*(node(f"w{n}") for n in range(3)))
    cluster.run(pod(own={"app": "cache"}), "w1")
    term = {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": {"app": "cache"}}}
    weighted = {PREFERRED: [{"weight": 100, "podAffinityTerm": term}]}
    assert cluster.place(pod(affinity={"podAffinity": weighted})).node == "w1"
    assert cluster.place(pod(affinity={"podAntiAffinity": weighted})).node != "w1"


def test_host_ports_are_exclusive() -> None:
    def with_port(name: str, address: str = "") -> dict[str, Any]:
        found = pod(name)
        port = {"containerPort": 80, "hostPort": 8080} | ({"hostIP": address} if address else {})
        found["spec"]["containers"][0]["ports"] = [port]
        return found

    cluster = Cluster(node("a"))
    cluster.run(with_port("one", "10.0.0.1"), "a")
    assert cluster.place(with_port("two")).message == (
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
    )
    assert cluster.place(with_port("three", "10.0.0.2")).node == "a"


def test_image_that_a_node_has_draws_the_pod() -> None:
    image = {"names": ["registry/app:1"], "sizeBytes": 800 << 20}
    wanted = pod()
    wanted["spec"]["containers"][0]["image"] = "registry/app:1"
    assert place(wanted, node("a"), node("b", images=[image]), node("c")).node == "b"


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
