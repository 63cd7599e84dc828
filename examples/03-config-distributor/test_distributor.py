"""The operator against a true cluster."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from distributor import DISTRIBUTIONS, DistributionSpec, Source, setup

from kubepy.api.resources import CONFIG_MAPS, NAMESPACES
from kubepy.client import Client
from kubepy.machinery import errors
from kubepy.operator import serve

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(kube_cluster: Any) -> AsyncIterator[Client]:
    """A client of a cluster in which the operator runs."""
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: serve(setup, name="config-distributor", config=kube_cluster.client_config))
        await eventually(lambda: served(kube_cluster.client))
        yield kube_cluster.client
        group.cancel_scope.cancel()


async def served(client: Client) -> bool:
    try:
        await client.list(DISTRIBUTIONS.gvr)
    except errors.StatusError:
        return False
    return True


async def eventually(check: Callable[[], Awaitable[Any]]) -> None:
    with anyio.fail_after(30):
        while not await check():
            await anyio.sleep(0.05)


async def namespace(client: Client, name: str, **labels: str) -> None:
    await client.create(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    )


async def source(client: Client, **data: str) -> None:
    head = {"name": "ca", "namespace": "default", "labels": {"example.com/distributed": "true"}}
    await client.create(
        CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head, "data": data}
    )


async def copies(client: Client) -> dict[str, str]:
    found = await client.list(CONFIG_MAPS, label_selector="example.com/copy-of=cas")
    return {item["metadata"]["namespace"]: item["data"]["bundle"] for item in found["items"]}


async def expect(client: Client, **wanted: str) -> None:
    async def seen() -> bool:
        return await copies(client) == wanted

    await eventually(seen)


async def test_copies_follow_source_namespaces_and_selector(client: Client) -> None:
    await namespace(client, "one", team="web")
    await namespace(client, "two", team="db")
    await source(client, bundle="first")
    spec = DistributionSpec(Source("default", "ca"), {"team": "web"})
    await client.create(DISTRIBUTIONS.gvr, DISTRIBUTIONS.write("cas", spec))
    await expect(client, one="first")

    await namespace(client, "three", team="web")  # a namespace that comes later
    await expect(client, one="first", three="first")
    await client.patch(CONFIG_MAPS, "ca", {"data": {"bundle": "second"}}, namespace="default")
    await expect(client, one="second", three="second")
    await client.patch(NAMESPACES, "two", {"metadata": {"labels": {"team": "web"}}})
    await expect(client, one="second", two="second", three="second")
    await client.patch(NAMESPACES, "one", {"metadata": {"labels": {"team": None}}})
    await expect(client, two="second", three="second")

    await client.delete(CONFIG_MAPS, "ca", namespace="two")  # by somebody's hand
    await client.patch(CONFIG_MAPS, "ca", {"data": {"bundle": "forged"}}, namespace="three")
    await expect(client, two="second", three="second")

    await client.delete(CONFIG_MAPS, "ca", namespace="default")
    await expect(client)

    async def told() -> bool:
        status = (await client.get(DISTRIBUTIONS.gvr, "cas")).get("status") or {}
        return status["copies"] == 0 and status["conditions"][0]["reason"] == "SourceMissing"

    await eventually(told)
    await source(client, bundle="third")
    await expect(client, two="third", three="third")
    await client.delete(DISTRIBUTIONS.gvr, "cas")
    await expect(client)
