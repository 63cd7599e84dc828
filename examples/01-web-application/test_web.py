"""The operator against a true cluster."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from web import APPS, AppSpec, setup

from kubepy.api.resources import DEPLOYMENTS, EVENTS, INGRESSES, SERVICES
from kubepy.client import Client
from kubepy.machinery import conditions, errors
from kubepy.operator import serve

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(kube_cluster: Any) -> AsyncIterator[Client]:
    """A client of a cluster in which the operator runs."""
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: serve(setup, name="app-operator", config=kube_cluster.client_config))
        await eventually(lambda: listable(kube_cluster.client))
        yield kube_cluster.client
        group.cancel_scope.cancel()


async def listable(client: Client) -> bool:
    try:
        await client.list(APPS.gvr)
    except errors.StatusError:
        return False
    return True


async def eventually(check: Callable[[], Awaitable[Any]]) -> None:
    with anyio.fail_after(30):
        while not await check():
            await anyio.sleep(0.05)


async def gone(client: Client, gvr: Any) -> bool:
    return not (await client.list(gvr, namespace="default", label_selector="example.com/app"))["items"]


async def ready(client: Client, replicas: int) -> bool:
    app = await client.get(APPS.gvr, "shop", namespace="default")
    status = app.get("status") or {}
    current = status.get("observedGeneration") == app["metadata"]["generation"]
    return current and conditions.is_true(app, "Ready") and status["readyReplicas"] == replicas


async def test_an_app_lives_and_dies(client: Client) -> None:
    spec = AppSpec("nginx:1", replicas=2, host="shop.example.com", env={"COLOUR": "blue"})
    await client.create(APPS.gvr, APPS.write("shop", spec, namespace="default"))
    await eventually(lambda: ready(client, 2))
    app = await client.get(APPS.gvr, "shop", namespace="default")
    assert app["status"]["url"] == "http://shop.example.com/"
    made = await client.get(INGRESSES, "shop", namespace="default")
    assert made["spec"]["rules"][0]["host"] == "shop.example.com"
    events = (await client.list(EVENTS, namespace="default"))["items"]
    await eventually(lambda: told(client, "2 replicas are ready"))
    assert all(event["metadata"]["namespace"] == "default" for event in events)

    # Scaled as a Deployment is: through the scale subresource.
    await client.patch(APPS.gvr, "shop", {"spec": {"replicas": 3}}, namespace="default", subresource="scale")
    await eventually(lambda: ready(client, 3))

    # Without a host there is no Ingress.
    await client.patch(APPS.gvr, "shop", {"spec": {"host": None}}, namespace="default")
    await eventually(lambda: gone(client, INGRESSES))

    await client.delete(APPS.gvr, "shop", namespace="default")
    await eventually(lambda: gone(client, APPS.gvr))
    await eventually(lambda: gone(client, DEPLOYMENTS))
    await eventually(lambda: gone(client, SERVICES))


async def told(client: Client, message: str) -> bool:
    events = (await client.list(EVENTS, namespace="default"))["items"]
    return any(event["message"] == message for event in events)


async def test_what_somebody_changes_by_hand_is_put_right(client: Client) -> None:
    await client.create(APPS.gvr, APPS.write("shop", AppSpec("nginx:1"), namespace="default"))
    await eventually(lambda: ready(client, 1))
    by_hand = {"spec": {"replicas": 7, "paused": True}}
    await client.patch(DEPLOYMENTS, "shop", by_hand, namespace="default", field_manager="somebody")

    async def right() -> bool:
        found = await client.get(DEPLOYMENTS, "shop", namespace="default")
        # What the operator says nothing about stays as somebody set it.
        return bool(found["spec"]["replicas"] == 1 and found["spec"]["paused"])

    await eventually(right)


async def test_the_server_refuses_what_makes_no_sense(client: Client) -> None:
    with pytest.raises(errors.StatusError, match="a path needs a host"):
        await client.create(APPS.gvr, APPS.write("x", AppSpec("i", path="/a"), namespace="default"))
    with pytest.raises(errors.StatusError, match="should be less than or equal to 100"):
        await client.create(APPS.gvr, APPS.write("x", AppSpec("i", replicas=101), namespace="default"))
