"""The recorder and the elector against a server that keeps objects in a dict."""

from typing import Any

import anyio
import pytest
from aiohttp import web

from kubepy.client import Client, ClientConfig, EventRecorder, LeaderElector, LeadershipLost
from kubepy.machinery import errors
from kubepy.machinery.gvk import GR
from kubepy.util.clock import SystemClock

from .conftest import Script

pytestmark = pytest.mark.anyio

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "a", "uid": "u"}}


class Store:
    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.revision = 0
        self.broken = False

    async def __call__(self, request: web.Request) -> web.Response:
        if self.broken:
            return web.Response(status=500, text="broken")
        body = await request.json() if request.method in ("POST", "PUT", "PATCH") else None
        name = body["metadata"]["name"] if request.method == "POST" else request.path.rsplit("/", 1)[1]
        self.revision += 1
        if request.method != "POST" and name not in self.objects:
            return web.json_response(errors.not_found(GR("", "x"), name).status, status=404)
        if request.method == "PUT":
            if body["metadata"]["resourceVersion"] != self.objects[name]["metadata"]["resourceVersion"]:
                return web.json_response(errors.conflict(GR("", "x"), name, "modified").status, status=409)
            self.objects[name] = body
        elif request.method == "POST":
            if name in self.objects:
                return web.json_response(errors.already_exists(GR("", "x"), name).status, status=409)
            self.objects[name] = body
        elif request.method == "PATCH":
            self.objects[name] |= body
        if request.method != "GET":
            self.objects[name]["metadata"]["resourceVersion"] = str(self.revision)
        return web.json_response(self.objects[name])


@pytest.fixture
def store(server: Script) -> Store:
    store = Store()
    server.handler = store
    return store


async def test_repeats_raise_the_count_of_one_event(client: Client, store: Store) -> None:
    recorder = EventRecorder(client, "kubelet", host="w1")
    for _ in range(3):
        recorder.event(POD, "Warning", "BackOff", "Back-off restarting failed container")
    recorder.event(POD, "Normal", "Started", "Started container")
    await recorder.flush()
    backoff, started = store.objects.values()
    assert (backoff["count"], started["count"]) == (3, 1)
    assert backoff["involvedObject"] == {
        "kind": "Pod",
        "namespace": "a",
        "name": "p",
        "uid": "u",
        "apiVersion": "v1",
    }
    assert backoff["source"] == {"component": "kubelet", "host": "w1"}
    assert backoff["reportingComponent"] == "kubelet"
    assert backoff["metadata"]["name"].startswith("p.")


async def test_an_event_that_was_deleted_is_created_anew(client: Client, store: Store) -> None:
    recorder = EventRecorder(client, "c")
    recorder.event(POD, "Normal", "R", "m")
    await recorder.flush()
    store.objects.clear()
    recorder.event(POD, "Normal", "R", "m")
    await recorder.flush()
    assert [event["count"] for event in store.objects.values()] == [1]


async def test_many_messages_for_one_reason_are_combined_and_spam_is_cut(
    client: Client, store: Store
) -> None:
    recorder = EventRecorder(client, "c")
    for number in range(40):
        recorder.event(POD, "Normal", "R", f"message {number}")
    await recorder.flush()
    combined = [
        e for e in store.objects.values() if e["message"].startswith("(combined from similar events): ")
    ]
    assert len(store.objects) == 11
    assert [event["count"] for event in combined] == [15]  # 25 at once, 10 of them on their own


async def test_run_sends_as_events_come(client: Client, store: Store) -> None:
    recorder = EventRecorder(client, "c")
    async with anyio.create_task_group() as group:
        group.start_soon(recorder.run)
        for number in range(3):
            recorder.event(POD, "Normal", f"R{number}", "m")
            with anyio.fail_after(5):
                while len(store.objects) <= number:
                    await anyio.sleep(0.005)
        group.cancel_scope.cancel()


def elector(client: Client, identity: str) -> LeaderElector:
    return LeaderElector(
        client, "kube-system", "lock", identity, lease_duration=0.6, renew_deadline=0.4, retry_period=0.05
    )


async def test_one_leads_and_the_next_follows_at_once_after_release(server: Script, store: Store) -> None:
    config = ClientConfig(server=server.url)
    active: list[str] = []
    history: list[str] = []

    async def candidate(identity: str) -> None:
        async def lead() -> None:
            active.append(identity)
            assert active == [identity]
            await anyio.sleep(0.15)
            history.append(identity)
            active.remove(identity)

        async with Client(config, clock=SystemClock()) as own:
            await elector(own, identity).run(lead)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for identity in ("a", "b", "c"):
                group.start_soon(candidate, identity)
    assert sorted(history) == ["a", "b", "c"]
    assert store.objects["lock"]["spec"]["leaseTransitions"] == 2
    assert store.objects["lock"]["spec"]["holderIdentity"] == ""


async def test_who_cannot_renew_stops_leading(client: Client, store: Store) -> None:
    cancelled = []

    async def lead() -> None:
        store.broken = True
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)

    with anyio.fail_after(10), pytest.raises(LeadershipLost):
        await elector(client, "a").run(lead)
    assert cancelled == [True]
