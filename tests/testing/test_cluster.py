"""A cluster in the test's own event loop, and in a thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from pathlib import Path

import anyio
import pytest

from kubepy.api.resources import CONFIG_MAPS, DEPLOYMENTS, JOBS, NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS
from kubepy.client import Client
from kubepy.machinery import errors
from kubepy.machinery.errors import StatusError
from kubepy.testing import Cluster, NotSeen, SyncCluster

from .objects import config_map, deployment

pytestmark = pytest.mark.anyio


async def test_a_new_cluster_has_what_a_cluster_has(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    namespaces = await client.list(NAMESPACES)
    assert {n["metadata"]["name"] for n in namespaces["items"]} == {
        "default",
        "kube-node-lease",
        "kube-public",
        "kube-system",
    }
    await client.get(SERVICE_ACCOUNTS, "default", namespace="default")
    nodes = (await client.list(NODES))["items"]
    assert [n["metadata"]["name"] for n in nodes] == kube_cluster.nodes
    assert not nodes[0]["spec"].get("taints")


async def test_pods_of_a_deployment_become_ready_and_go_with_it(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    await client.create(DEPLOYMENTS, deployment(replicas=3))
    await kube_cluster.settle()
    found = await client.get(DEPLOYMENTS, "web", namespace="default")
    assert found["status"]["readyReplicas"] == 3
    await client.delete(DEPLOYMENTS, "web", namespace="default")
    await kube_cluster.settle()
    assert not (await client.list(PODS, namespace="default"))["items"]


def test_synchronous_tests_have_the_same(kube_cluster: SyncCluster) -> None:
    kube_cluster.client.create(DEPLOYMENTS, deployment())
    found = kube_cluster.wait_for("deploy", "web", condition="Available")
    assert found["status"]["readyReplicas"] == 2
    assert Path(kube_cluster.kubeconfig).is_file()


async def test_namespaces_go_with_what_is_in_them(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    await client.create(CONFIG_MAPS, config_map("c") | {"metadata": {"name": "c", "namespace": "n"}})
    await client.delete(NAMESPACES, "n")
    await kube_cluster.wait_for("namespaces", "n", namespace="", absent=True)


async def test_virtual_time_passes_for_controllers(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "default"},
        "spec": {"ttlSecondsAfterFinished": 3600, "template": template},
    }
    await client.create(JOBS, job)
    await kube_cluster.advance(minutes=1)
    assert (await client.get(JOBS, "j", namespace="default"))["status"]["succeeded"] == 1
    await kube_cluster.advance(minutes=58)
    await client.get(JOBS, "j", namespace="default")
    await kube_cluster.advance(minutes=2)
    with pytest.raises(StatusError) as caught:
        await client.get(JOBS, "j", namespace="default")
    assert errors.is_not_found(caught.value)


@pytest.mark.kube_cluster(frozen=True, nodes=2)
async def test_frozen_time_moves_only_when_told(kube_cluster: Cluster) -> None:
    before = kube_cluster.clock.time()
    await anyio.sleep(0.02)
    assert kube_cluster.clock.time() == before
    kube_cluster.faults.fail_node(kube_cluster.nodes[0])
    node = await kube_cluster.wait_for("nodes", kube_cluster.nodes[0], condition="Ready=Unknown", timeout=120)
    assert any(t["key"] == "node.kubernetes.io/unreachable" for t in node["spec"]["taints"])
    assert 40 <= kube_cluster.clock.time() - before <= 120


async def test_restore_brings_back_what_was_and_nothing_else(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    await client.create(CONFIG_MAPS, config_map("kept", a="1"))
    await client.create(DEPLOYMENTS, deployment("old"))
    await kube_cluster.settle()
    uids = {p["metadata"]["uid"] for p in (await client.list(PODS))["items"]}
    snapshot = await kube_cluster.snapshot()
    await client.patch(CONFIG_MAPS, "kept", {"data": {"a": "2"}}, namespace="default")
    await client.create(DEPLOYMENTS, deployment("new"))
    await client.delete(DEPLOYMENTS, "old", namespace="default")
    await kube_cluster.settle()
    await kube_cluster.restore(snapshot)
    assert {p["metadata"]["uid"] for p in (await client.list(PODS))["items"]} == uids
    assert (await client.get(CONFIG_MAPS, "kept", namespace="default"))["data"] == {"a": "1"}
    # The controllers live on with what is there now.
    await client.patch(DEPLOYMENTS, "old", {"spec": {"replicas": 3}}, namespace="default")
    await kube_cluster.wait_for("deployments", "old", until=lambda d: d["status"].get("readyReplicas") == 3)


async def test_a_wait_in_vain_tells_what_there_was(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    with kube_cluster.faults.hold_pods({"app": "web"}):
        await client.create(DEPLOYMENTS, deployment(replicas=1))
        with pytest.raises(NotSeen) as caught:
            await kube_cluster.wait_for("deployments", "web", condition="Available", timeout=0.3)
    text = str(caught.value)
    assert 'deployments "web" in namespace default to have the condition Available' in text
    assert "Available=False  MinimumReplicasUnavailable" in text
    assert "Scaled up replica set web-" in text
    assert "+  unavailableReplicas: 1" in text
    with pytest.raises(NotSeen, match="it does not exist; there are: default/web"):
        await kube_cluster.wait_for("deployments", "other", timeout=0.05)


async def test_events_are_shown(kube_cluster: Cluster) -> None:
    await kube_cluster.client.create(DEPLOYMENTS, deployment(replicas=1))
    await kube_cluster.settle()
    [scaled] = kube_cluster.events(involved="Deployment/web", reason="ScalingReplicaSet")
    assert scaled.type == "Normal"
    assert kube_cluster.events(reason="Scheduled")


async def test_the_trace_shows_requests_with_their_writes(kube_cluster: Cluster, tmp_path: Path) -> None:
    await kube_cluster.client.create(CONFIG_MAPS, config_map("c"))
    await kube_cluster.settle()
    [created] = kube_cluster.trace.select(verb="create", resource="configmaps", components=False)
    assert (created.code, created.user, created.agent) == (201, "kubernetes-admin", "kubepy-test")
    assert [(w.operation, w.key) for w in created.writes] == [("create", "/registry/configmaps/default/c")]
    assert "configmaps" in kube_cluster.trace.table([created])
    kube_cluster.trace.save(tmp_path / "trace.jsonl")
    assert len((tmp_path / "trace.jsonl").read_text().splitlines()) == len(kube_cluster.trace)


async def test_other_users_may_what_they_may(kube_cluster: Cluster) -> None:
    async with Client(kube_cluster.config_for("jane", "system:authenticated")) as jane:
        with pytest.raises(StatusError) as caught:
            await jane.list(PODS, namespace="default")
    assert errors.is_forbidden(caught.value)


async def test_clusters_live_side_by_side_in_one_loop() -> None:
    async with Cluster() as one, Cluster() as other:
        await one.client.create(CONFIG_MAPS, config_map("mine"))
        listed = await other.client.list(CONFIG_MAPS, namespace="default")
        assert [c["metadata"]["name"] for c in listed["items"]] == ["kube-root-ca.crt"]


async def test_an_attached_view_serves_another_loop() -> None:
    with SyncCluster() as cluster:
        view = cluster.aio
        await view.client.create(DEPLOYMENTS, deployment())
        await view.wait_for("deployments", "web", condition="Available")
        await view.advance(seconds=30)
        await view.stop()


@pytest.mark.timeout(600)
async def test_many_clusters_leave_nothing_behind() -> None:
    async def live() -> weakref.ref[Cluster]:
        async with Cluster(nodes=1) as cluster:
            await cluster.client.create(CONFIG_MAPS, config_map("c"))
            return weakref.ref(cluster.plane)  # type: ignore[arg-type]

    def descriptors() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    await live()
    tasks, threads, files = len(asyncio.all_tasks()), threading.active_count(), descriptors()
    left = [await live() for _ in range(100)]
    await anyio.sleep(0.05)
    gc.collect()
    assert [r for r in left if r() is not None] == []
    # Fewer are possible: what other tests have kept may have ended meanwhile.
    assert len(asyncio.all_tasks()) <= tasks
    assert threading.active_count() <= threads
    assert descriptors() <= files


def test_clusters_in_threads_leave_nothing_behind() -> None:
    before = threading.active_count()
    for _ in range(5):
        with SyncCluster() as cluster:
            cluster.client.create(CONFIG_MAPS, config_map("c"))
    assert threading.active_count() <= before
