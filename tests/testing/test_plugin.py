"""What the fixtures promise: each test finds a new cluster, however it is written."""

from __future__ import annotations

import pytest

from kubepy.api.resources import CONFIG_MAPS, CRDS, DEPLOYMENTS, NAMESPACES, PODS, SERVICES
from kubepy.machinery.gvk import GVR
from kubepy.testing import SyncCluster

from .objects import config_map, deployment, widget_definition

WIDGETS = GVR("example.com", "v1", "widgets")


@pytest.mark.parametrize("turn", range(3))
def test_nothing_is_left_of_the_test_before(kube_cluster: SyncCluster, turn: int) -> None:
    client = kube_cluster.client
    names = {o["metadata"]["name"] for o in client.list(CONFIG_MAPS, namespace="default")["items"]}
    assert names == {"kube-root-ca.crt"}
    assert not client.list(PODS)["items"]
    assert not client.list(CRDS)["items"]
    assert {n["metadata"]["name"] for n in client.list(NAMESPACES)["items"]} == {
        "default",
        "kube-node-lease",
        "kube-public",
        "kube-system",
    }
    client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"n{turn}"}})
    client.create(CONFIG_MAPS, config_map("c"))
    client.create(CRDS, widget_definition())
    client.create(DEPLOYMENTS, deployment())
    kube_cluster.faults.fail_node(kube_cluster.nodes[0])
    if turn:  # in the midst of it, or after
        kube_cluster.settle()
        kube_cluster.advance(minutes=10)


@pytest.mark.kube_cluster(nodes=3)
def test_a_mark_gives_options(kube_cluster: SyncCluster) -> None:
    assert len(kube_cluster.nodes) == 3


def test_wider_scopes_are_one_cluster(
    kube_cluster_module: SyncCluster, kube_cluster_session: SyncCluster
) -> None:
    kube_cluster_module.client.create(CONFIG_MAPS, config_map("shared"))
    assert kube_cluster_session.url != kube_cluster_module.url


@pytest.mark.anyio
async def test_wider_scopes_serve_asynchronous_tests(kube_cluster_module: SyncCluster) -> None:
    view = kube_cluster_module.aio
    await view.client.get(CONFIG_MAPS, "shared", namespace="default")
    await view.stop()


@pytest.mark.parametrize("turn", range(3))
def test_custom_resources_come_anew_in_each_test(kube_cluster: SyncCluster, turn: int) -> None:
    client = kube_cluster.client
    client.create(CRDS, widget_definition())
    kube_cluster.wait_for("crd", "widgets.example.com", condition="Established")
    owner = client.create(
        WIDGETS,
        {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"}},
    )
    owned = config_map("owned")
    owned["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "name": "w",
            "uid": owner["metadata"]["uid"],
        }
    ]
    client.create(CONFIG_MAPS, owned)
    kube_cluster.settle()
    client.get(CONFIG_MAPS, "owned", namespace="default")
    client.delete(WIDGETS, "w", namespace="default")
    kube_cluster.settle()
    names = {o["metadata"]["name"] for o in client.list(CONFIG_MAPS, namespace="default")["items"]}
    assert names == {"kube-root-ca.crt"}


def test_services_go_with_their_owner_however_late_they_came(kube_cluster: SyncCluster) -> None:
    client = kube_cluster.client
    for turn in range(25):
        owner = client.create(CONFIG_MAPS, config_map(f"owner-{turn}"))
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": f"owner-{turn}", "controller": True}
        reference |= {"uid": owner["metadata"]["uid"], "blockOwnerDeletion": True}
        for name in ("early", "late"):
            if name == "late":
                policy = ("Foreground", "Background")[turn % 2]
                client.delete(CONFIG_MAPS, f"owner-{turn}", namespace="default", propagation_policy=policy)
            metadata = {"name": f"{name}-{turn}", "namespace": "default", "ownerReferences": [reference]}
            client.create(SERVICES, {"metadata": metadata, "spec": {"ports": [{"port": 80}]}})
    kube_cluster.advance(seconds=5)
    left = client.list(SERVICES, namespace="default")["items"]
    assert [service["metadata"]["name"] for service in left] == ["kubernetes"]
