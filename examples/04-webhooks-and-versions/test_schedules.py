"""The operator against a true cluster, whose API server calls the webhooks over TLS."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedules import SCHEDULES, ScheduleV1, ScheduleV2, conversion, setup

from kubepy.api.resources import CRON_JOBS
from kubepy.client import Client
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.operator import serve

pytestmark = pytest.mark.anyio
V1, V2 = SCHEDULES.gvr_of("v1"), SCHEDULES.gvr_of("v2")
MUTATING = GVR("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations")


@pytest.fixture
async def client(kube_cluster: Any) -> AsyncIterator[Client]:
    """A client of a cluster in which the operator runs and its webhooks are known."""
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: serve(setup, name="schedule-operator", config=kube_cluster.client_config))
        await eventually(lambda: defaulted(kube_cluster.client))
        yield kube_cluster.client
        group.cancel_scope.cancel()


async def defaulted(client: Client) -> bool:
    """Whether the API server calls the webhooks: they are known to it a moment after they were written."""
    probe = SCHEDULES.write("probe", ScheduleV2("1"), namespace="default")
    try:
        made = await client.create(V2, probe, dry_run=True)
        await client.create(
            V1, SCHEDULES.write("p", ScheduleV1("0 1 * * *"), namespace="default", version="v1"), dry_run=True
        )
    except errors.StatusError:
        return False
    return bool(made["spec"].get("image"))


async def eventually(check: Callable[[], Awaitable[Any]]) -> None:
    with anyio.fail_after(30):
        while not await check():
            await anyio.sleep(0.05)


def v1(name: str, cron: str, *command: str) -> Obj:
    return SCHEDULES.write(name, ScheduleV1(cron, list(command)), namespace="default", version="v1")


async def test_two_versions_of_one_object(client: Client) -> None:
    await client.create(V1, v1("a", "30 4 1 * *", "python", "-m", "this"))
    stored = await client.get(V2, "a", namespace="default")
    assert SCHEDULES.read(stored).spec == ScheduleV2("4", "30", ["python", "-m", "this"], "python:3")
    shown = await client.get(V1, "a", namespace="default")
    assert SCHEDULES.read(shown).spec == ScheduleV1("30 4 1 * *", ["python", "-m", "this"])
    await client.patch(V2, "a", {"spec": {"hour": "5"}}, namespace="default")

    async def scheduled() -> bool:
        try:
            job = await client.get(CRON_JOBS, "a", namespace="default")
        except errors.StatusError:
            return False
        return bool(job["spec"]["schedule"] == "30 5 1 * *")

    await eventually(scheduled)
    assert (await client.get(V1, "a", namespace="default"))["spec"]["cron"] == "30 5 1 * *"


async def test_what_the_webhooks_say(client: Client) -> None:
    with pytest.raises(errors.StatusError, match="must be \\* or 0 to 23"):
        await client.create(V2, SCHEDULES.write("x", ScheduleV2("25"), namespace="default"))
    # Also of the other version: matchPolicy Equivalent converts it for the webhook.
    with pytest.raises(errors.StatusError, match="a schedule for every minute is not allowed here"):
        await client.create(V1, v1("x", "* * * * *"))
    made = await client.create(V2, SCHEDULES.write("y", ScheduleV2("1", command=["ls"]), namespace="default"))
    assert made["spec"]["image"] == "busybox"


parts = st.sampled_from(["*", "0", "7"])


@given(st.lists(parts, min_size=5, max_size=5), st.dictionaries(st.sampled_from("ab"), st.text()))
def test_a_round_trip_loses_nothing(cron: list[str], annotations: dict[str, str]) -> None:
    obj = v1("a", " ".join(cron), "x")
    obj["metadata"]["annotations"] = annotations
    back = conversion.convert(conversion.convert(obj, "v2"), "v1")
    assert back["spec"] == obj["spec"]
    assert back["metadata"].get("annotations", {}) == annotations
