"""Services and pods into endpoints, and endpoints into as few changed slices as may be."""

from typing import Any

from kubepy.controllers.endpointslice import core


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "d", "uid": "svc", "labels": {"app": "web"}},
        "spec": {"selector": {"app": "web"}, "ports": ports, "clusterIP": "10.96.0.9", **spec},
    }


def pod(
    number: int, *, ready: bool = True, deleting: bool = False, port: int = 8080, **spec: Any
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": f"p{number}", "namespace": "d", "uid": f"uid{number}"}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    containers = [{"name": "c", "ports": [{"name": "web", "containerPort": port}]}]
    return {
        "metadata": metadata,
        "spec": {"containers": containers, "nodeName": "w1", **spec},
        "status": {
            "phase": "Running",
            "podIP": f"10.244.0.{number}",
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def plan(svc: dict[str, Any], pods: list[dict[str, Any]], slices: list[dict[str, Any]]) -> core.Changes:
    return core.reconcile(svc, core.desired(svc, pods, {}, "IPv4"), slices, "IPv4")


def stored(created: dict[str, Any], name: str = "web-1") -> dict[str, Any]:
    return {**created, "metadata": {**created["metadata"], "name": name, "uid": name}}


def test_named_target_ports_are_looked_up_in_each_pod() -> None:
    changes = plan(service(), [pod(1, port=8080), pod(2, port=9090)], [])
    ports = sorted(item["ports"][0]["port"] for item in changes.create)
    assert ports == [8080, 9090]


def test_conditions_of_terminating_endpoints() -> None:
    (item,) = plan(service(), [pod(1, deleting=True)], []).create
    conditions = item["endpoints"][0]["conditions"]
    assert conditions == {"ready": False, "serving": True, "terminating": True}


def test_publish_not_ready_addresses() -> None:
    svc = service(publishNotReadyAddresses=True)
    (item,) = plan(svc, [pod(1, ready=False)], []).create
    assert item["endpoints"][0]["conditions"]["ready"] is True


def test_service_without_pods_has_one_empty_slice() -> None:
    (item,) = plan(service(), [], []).create
    assert item["endpoints"] == []
    assert plan(service(), [], [stored(item)]) == core.Changes()


def test_slices_hold_a_hundred() -> None:
    pods = [pod(n) for n in range(250)]
    created = plan(service(), pods, []).create
    assert sorted(len(item["endpoints"]) for item in created) == [50, 100, 100]


def test_nothing_changed_writes_nothing() -> None:
    pods = [pod(n) for n in range(120)]
    slices = [stored(item, f"web-{n}") for n, item in enumerate(plan(service(), pods, []).create)]
    assert plan(service(), pods, slices) == core.Changes()


def test_one_more_pod_touches_one_slice() -> None:
    pods = [pod(n) for n in range(120)]
    slices = [stored(item, f"web-{n}") for n, item in enumerate(plan(service(), pods, []).create)]
    changes = plan(service(), [*pods, pod(200)], slices)
    assert (len(changes.create), len(changes.update), len(changes.delete)) == (0, 1, 0)


def test_last_pod_leaves_an_empty_slice_behind() -> None:
    slices = [stored(plan(service(), [pod(1)], []).create[0])]
    changes = plan(service(), [], slices)
    assert not changes.delete
    assert [item["endpoints"] for item in (*changes.update, *changes.create)] == [[]]


def test_endpoints_subsets_leave_out_terminating_pods() -> None:
    (subset,) = core.subsets(service(), [pod(1), pod(2, ready=False), pod(3, deleting=True)])
    assert [a["ip"] for a in subset["addresses"]] == ["10.244.0.1"]
    assert [a["ip"] for a in subset["notReadyAddresses"]] == ["10.244.0.2"]
    assert subset["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]


def test_headless_hostname_is_published() -> None:
    svc = service(clusterIP="None")
    (item,) = plan(svc, [pod(1, hostname="db-0", subdomain="web")], []).create
    assert item["endpoints"][0]["hostname"] == "db-0"
    assert core.HEADLESS in item["metadata"]["labels"]
