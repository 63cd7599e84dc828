"""The operator against a true cluster: its pods and jobs are run by simulated nodes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from database import DATABASES, DatabaseSpec, next_version, setup

from kubepy.api.resources import CRON_JOBS, JOBS, PODS
from kubepy.client import Client
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj
from kubepy.operator import serve

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(kube_cluster: Any) -> AsyncIterator[Client]:
    """A client of a cluster in which the operator runs."""
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: serve(setup, name="database-operator", config=kube_cluster.client_config))
        await eventually(lambda: served(kube_cluster.client))
        yield kube_cluster.client
        group.cancel_scope.cancel()


async def served(client: Client) -> bool:
    try:
        await client.list(DATABASES.gvr)
    except errors.StatusError:
        return False
    return True


async def eventually(check: Callable[[], Awaitable[Any]], seconds: float = 40) -> None:
    with anyio.fail_after(seconds):
        while not await check():
            await anyio.sleep(0.05)


async def database(client: Client) -> Obj:
    return await client.get(DATABASES.gvr, "db", namespace="default")


async def at(client: Client, version: str) -> bool:
    status = (await database(client)).get("status") or {}
    return (status.get("phase"), status.get("version")) == ("Ready", version)


async def names(client: Client, gvr: Any) -> list[str]:
    found = await client.list(gvr, namespace="default", label_selector="example.com/database=db")
    return sorted(item["metadata"]["name"] for item in found["items"])


async def test_upgrades_go_through_every_version_each_after_a_backup(client: Client) -> None:
    spec = DatabaseSpec("15", replicas=2)
    await client.create(DATABASES.gvr, DATABASES.write("db", spec, namespace="default"))
    await eventually(lambda: at(client, "15"))
    assert await names(client, CRON_JOBS) == ["db-backup"]
    assert await names(client, JOBS) == []  # nothing to back up before there was anything

    await client.patch(DATABASES.gvr, "db", {"spec": {"version": "17"}}, namespace="default")
    await eventually(lambda: at(client, "17"))
    assert await names(client, JOBS) == ["db-before-16", "db-before-17"]
    pods = await client.list(PODS, namespace="default", label_selector="apps.kubernetes.io/pod-index")
    images = {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in pods["items"]}
    assert images == {"db-0": "postgres:17", "db-1": "postgres:17"}

    with pytest.raises(errors.StatusError, match="cannot go back to an older version"):
        await client.patch(DATABASES.gvr, "db", {"spec": {"version": "16"}}, namespace="default")
    with pytest.raises(errors.StatusError, match="field is immutable"):
        await client.patch(DATABASES.gvr, "db", {"spec": {"storage": "2Gi"}}, namespace="default")


async def test_a_database_goes_after_its_last_backup(client: Client) -> None:
    spec = DatabaseSpec("17", replicas=1)
    await client.create(DATABASES.gvr, DATABASES.write("db", spec, namespace="default"))
    await eventually(lambda: at(client, "17"))
    await client.delete(DATABASES.gvr, "db", namespace="default")
    seen: list[str] = []

    async def gone() -> bool:
        seen.extend(await names(client, JOBS))
        try:
            await database(client)
        except errors.StatusError as error:
            return errors.is_not_found(error)
        return False

    await eventually(gone)
    assert set(seen) == {"db-last"}


def test_the_way_between_versions() -> None:
    assert next_version("", "17") == "17"
    assert next_version("14", "17") == "15"
    assert next_version("17", "17") == "17"
