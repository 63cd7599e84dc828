"""What goes wrong on order, as a client meets it."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, cast

import anyio
import pytest

from kubepy.api.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, VALIDATING_WEBHOOK_CONFIGURATIONS
from kubepy.client import Client, ConnectionFailed
from kubepy.client.transport import Throttled
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import errors
from kubepy.machinery.errors import StatusError
from kubepy.testing import Cluster

from .objects import config_map, deployment

pytestmark = pytest.mark.anyio


async def test_the_nth_update_conflicts_and_the_next_does_not(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    await client.create(CONFIG_MAPS, config_map("c"))
    fault = kube_cluster.faults.conflict("configmaps", nth=2)

    async def change(value: str) -> None:
        await client.patch(CONFIG_MAPS, "c", {"data": {"a": value}}, namespace="default")

    await change("1")
    with pytest.raises(StatusError) as caught:
        await change("2")
    assert errors.is_conflict(caught.value)
    assert caught.value.message == (
        'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your '
        "changes to the latest version and try again"
    )
    assert (await client.get(CONFIG_MAPS, "c", namespace="default"))["data"] == {"a": "1"}
    await change("3")
    assert fault.hits == 1
    assert [r.fault for r in kube_cluster.trace.select(verb="patch", resource="configmaps")] == [
        "",
        "conflict",
        "",
    ]


async def test_too_many_requests_say_when_to_come_back(kube_cluster: Cluster) -> None:
    kube_cluster.faults.too_many_requests("configmaps", retry_after=7, verbs={"list"})
    with pytest.raises(Throttled) as caught:
        # Without the client's own patience.
        async with kube_cluster.client._transport.open("GET", "/api/v1/configmaps"):
            pass
    assert (caught.value.status.code, caught.value.seconds) == (429, 7)
    await kube_cluster.client.list(CONFIG_MAPS)


async def test_errors_strike_only_what_is_named(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    await client.create(CONFIG_MAPS, config_map("a"))
    await client.create(CONFIG_MAPS, config_map("b"))
    with kube_cluster.faults.error("configmaps", code=503, object="b", times=None):
        await client.get(CONFIG_MAPS, "a", namespace="default")
        with pytest.raises(StatusError) as caught:
            await client.get(CONFIG_MAPS, "b", namespace="default")
        assert (caught.value.code, caught.value.reason) == (503, "ServiceUnavailable")
    await client.get(CONFIG_MAPS, "b", namespace="default")


async def test_kubepys_own_components_are_spared_unless_wanted(kube_cluster: Cluster) -> None:
    kube_cluster.faults.error("pods", verbs={"create"}, times=None)
    await kube_cluster.client.create(DEPLOYMENTS, deployment())
    await kube_cluster.wait_for("deployments", "web", condition="Available")
    struck = kube_cluster.faults.error("replicasets", verbs={"create"}, times=3, components=True)
    await kube_cluster.client.create(DEPLOYMENTS, deployment("api"))
    await kube_cluster.wait_for("deployments", "api", condition="Available")
    assert struck.hits == 3


@pytest.mark.parametrize("kind", ["expired", "dropped"])
async def test_an_informer_survives_watches_that_end(kube_cluster: Cluster, kind: str) -> None:
    client = kube_cluster.client
    factory = SharedInformerFactory(client, kube_cluster.clock)
    informer = factory.informer(CONFIG_MAPS, namespace="default")
    async with anyio.create_task_group() as group:
        await group.start(factory.run)
        await factory.wait_for_sync()
        await kube_cluster.settle()
        if kind == "expired":
            assert kube_cluster.faults.expire_watches("configmaps", next_=1) == 1
        else:
            assert kube_cluster.faults.drop_watches("configmaps") == 1
        await client.create(CONFIG_MAPS, config_map("missed"))
        await kube_cluster.advance(seconds=10)
        assert informer.lister.get("missed", "default") is not None
        group.cancel_scope.cancel()


async def test_a_watch_is_told_of_its_end(kube_cluster: Cluster) -> None:
    async def watch(client: Client) -> None:
        async with aclosing(cast(Any, client.watch(CONFIG_MAPS, namespace="default"))) as events:
            async for _ in events:
                pass

    for expired, error in ((True, StatusError), (False, ConnectionFailed)):
        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 -- the group raises as it ends
            async with anyio.create_task_group() as group:
                group.start_soon(watch, kube_cluster.client)
                while not [w for w in kube_cluster.plane.dispatcher.watches if not w.by_component]:
                    await anyio.sleep(0.001)
                await kube_cluster.settle()
                if expired:
                    kube_cluster.faults.expire_watches("configmaps")
                else:
                    kube_cluster.faults.drop_watches("configmaps")
        assert isinstance(caught.value.exceptions[0], error)


async def test_a_webhook_that_is_away_fails_what_depends_on_it(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    hook = {
        "name": "check.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/check"},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
        ],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "check"},
        "webhooks": [hook],
    }
    await client.create(VALIDATING_WEBHOOK_CONFIGURATIONS, configuration)
    fault = kube_cluster.faults.webhook_down("127.0.0.1:1/check")
    with pytest.raises(StatusError, match=r'failed calling webhook "check.example.com".*connection refused'):
        await client.create(CONFIG_MAPS, config_map("c"))
    assert fault.hits == 1


async def test_pods_fail_and_are_replaced(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    await client.create(DEPLOYMENTS, deployment(replicas=1))
    await kube_cluster.settle()
    with kube_cluster.faults.fail_pods({"app": "web"}, reason="Evicted", after=5):
        await kube_cluster.advance(seconds=6)
    await kube_cluster.settle()
    phases = sorted(p["status"]["phase"] for p in (await client.list(PODS, namespace="default"))["items"])
    assert phases == ["Failed", "Running"]


@pytest.mark.kube_cluster(nodes=2)
async def test_a_lost_node_loses_its_pods(kube_cluster: Cluster) -> None:
    client = kube_cluster.client
    await client.create(DEPLOYMENTS, deployment(replicas=2))
    await kube_cluster.settle()
    [lost, other] = kube_cluster.nodes
    kube_cluster.faults.fail_node(lost)
    await kube_cluster.advance(minutes=7)
    pods = (await client.list(PODS, namespace="default"))["items"]
    alive = [p for p in pods if "deletionTimestamp" not in p["metadata"]]
    assert [p["spec"]["nodeName"] for p in alive] == [other, other]
    kube_cluster.faults.recover_node(lost)
    await kube_cluster.wait_for("nodes", lost, condition="Ready")


async def test_latency_is_felt_and_settling_waits_for_it(kube_cluster: Cluster) -> None:
    with kube_cluster.faults.latency(0.05, "configmaps", verbs={"create"}):
        async with anyio.create_task_group() as group:
            group.start_soon(kube_cluster.client.create, CONFIG_MAPS, config_map("slow"))
            while not kube_cluster.plane.dispatcher.under_way:
                await anyio.sleep(0.001)
            await kube_cluster.settle()
            await kube_cluster.client.get(CONFIG_MAPS, "slow", namespace="default")
