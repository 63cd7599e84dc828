"""Webhooks that a true API server calls; certificates that are renewed while it does."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import anyio
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepy.client import Client
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.patch import json_patch
from kubepy.operator.crd import CustomResource, Version, install
from kubepy.operator.webhook import (
    AdmissionRequest,
    Certificates,
    Conversion,
    ConversionFailed,
    Denied,
    MemoryStore,
    SecretStore,
    WebhookServer,
    admission,
    certificates,
)
from kubepy.operator.webhook.server import CRDS, VALIDATING
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio
CONFIG_MAPS = GVR("", "v1", "configmaps")
DAY = 86400


@dataclass
class OldSpec:
    host_port: str


@dataclass
class NewSpec:
    host: str
    port: int = 80


TABS = CustomResource(
    "example.com", "Tab", Version("v1", OldSpec, storage=True), Version("v2", NewSpec), plural="tabs"
)
conversion = Conversion()


@conversion.step("v1", "v2")
def _(obj: Obj) -> Obj:
    host, _, port = obj["spec"]["hostPort"].partition(":")
    return obj | {"spec": {"host": host, "port": int(port)}}


@conversion.step("v2", "v1")
def _(obj: Obj) -> Obj:
    return obj | {"spec": {"hostPort": f"{obj['spec']['host']}:{obj['spec']['port']}"}}


def config_map(name: str, **data: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": data,
    }


def complete(request: AdmissionRequest) -> None:
    assert request.obj is not None
    request.obj.setdefault("data", {}).setdefault("colour", "blue")
    request.obj["metadata"].setdefault("labels", {})["a/b"] = "seen"


async def validate(request: AdmissionRequest) -> None:
    assert request.obj is not None
    if request.obj["data"].get("colour") == "red":
        raise Denied("red is not available")
    if request.obj["data"].get("size") == "huge":
        raise ValueError("size: huge is too much")
    if request.obj["data"].get("boom"):
        raise RuntimeError("secret detail")
    if request.operation == "UPDATE":
        request.warn(f"changed by {request.user}")


def hooks(client: Client, **options: Any) -> WebhookServer:
    made = WebhookServer(client, "tabs.example.com", address="127.0.0.1:0", **options)
    only_ours: Obj = {
        "matchConditions": [{"name": "ours", "expression": "object.metadata.name != 'kube-root-ca.crt'"}]
    }
    made.validating(CONFIG_MAPS, validate, **only_ours)
    made.mutating(CONFIG_MAPS, complete, operations=("CREATE",), **only_ours)
    made.converting(TABS, conversion)
    return made


@pytest.fixture
async def served(client: Client) -> AsyncIterator[WebhookServer]:
    await install(client, TABS)
    made = hooks(client, check_every=0.2)
    async with anyio.create_task_group() as group:
        await group.start(made.run)
        yield made
        group.cancel_scope.cancel()


async def eventually(check: Any) -> None:
    with anyio.fail_after(10):
        while not await check():
            await anyio.sleep(0.05)


async def test_admission_through_the_server(client: Client, served: WebhookServer) -> None:
    async def mutated() -> bool:
        made = await client.create(CONFIG_MAPS, config_map("probe", size="s"), dry_run=True)
        return bool(made["data"].get("colour") == "blue")

    await eventually(mutated)
    made = await client.create(CONFIG_MAPS, config_map("a", size="s"))
    assert made["data"] == {"size": "s", "colour": "blue"}
    assert made["metadata"]["labels"] == {"a/b": "seen"}

    async def refusal(**data: str) -> errors.StatusError:
        with pytest.raises(errors.StatusError) as caught:
            await client.create(CONFIG_MAPS, config_map("b", **data))
        return caught.value

    denied = await refusal(colour="red")
    assert denied.code == 403
    assert denied.message.endswith("denied the request: red is not available")
    invalid = await refusal(size="huge")
    assert (invalid.code, invalid.reason) == (422, "Invalid")
    broken = await refusal(boom="1")
    assert broken.code == 500
    assert "secret detail" not in broken.message
    answer = await client.raw(
        "PUT",
        "/api/v1/namespaces/default/configmaps/a",
        body=orjson.dumps(config_map("a")),
        headers={"Content-Type": "application/json"},
    )
    assert answer.headers["Warning"] == '299 - "changed by kubernetes-admin"'


async def test_both_versions_are_served(client: Client, served: WebhookServer) -> None:
    made = await client.create(
        TABS.gvr_of("v2"), TABS.write("t", NewSpec("one"), namespace="default", version="v2")
    )
    assert TABS.read(made).spec == NewSpec("one", 80)
    stored = await client.get(TABS.gvr, "t", namespace="default")
    assert TABS.read(stored).spec == OldSpec("one:80")
    await client.create(TABS.gvr, TABS.write("bad", OldSpec("no-port"), namespace="default"))
    with pytest.raises(errors.StatusError, match="v1 to v2: ValueError"):
        await client.get(TABS.gvr_of("v2"), "bad", namespace="default")


async def test_what_somebody_removes_comes_back(client: Client, served: WebhookServer) -> None:
    await client.delete(VALIDATING, "tabs.example.com")
    await client.patch(CRDS, TABS.name, {"spec": {"conversion": {"strategy": "None", "webhook": None}}})

    async def back() -> bool:
        definition = await client.get(CRDS, TABS.name)
        found = await client.list(VALIDATING)
        return bool(found["items"]) and definition["spec"]["conversion"]["strategy"] == "Webhook"

    await eventually(back)


async def test_a_new_ca_is_trusted_before_it_is_used(client: Client) -> None:
    """The same server is called over TLS before and after its keys have become old."""
    await install(client, TABS)
    store = MemoryStore()
    clock = FakeClock(client.clock.time() - 8 * 365 * DAY)
    await store.save(Certificates.make(["127.0.0.1"], clock.now()))
    old = await store.load()
    assert old is not None
    made = hooks(client, store=store)
    async with anyio.create_task_group() as group:
        await group.start(made.run)
        new = await store.load()
        assert new is not None
        assert new.ca != old.ca
        assert new.bundle == new.ca + old.ca
        body = TABS.write("t", NewSpec("one"), namespace="default", version="v2")
        await client.create(TABS.gvr_of("v2"), body)
        group.cancel_scope.cancel()


async def test_no_request_fails_while_the_ca_changes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await install(client, TABS)
    store, real, old = MemoryStore(), certificates.due, set[bytes]()
    monkeypatch.setattr(certificates, "due", lambda each, now: each in old or real(each, now))
    made = hooks(client, store=store, check_every=0.1)
    done = 0

    async def write(worker: int, stop: anyio.Event) -> None:
        nonlocal done
        while not stop.is_set():
            name = f"c{worker}-{done}"
            # A failing webhook would refuse it: its failure policy is Fail.
            created = await client.create(CONFIG_MAPS, config_map(name))
            assert created["data"] == {"colour": "blue"}
            done += 1

    async with anyio.create_task_group() as group:
        await group.start(made.run)
        stop = anyio.Event()
        for worker in range(3):
            group.start_soon(write, worker, stop)
        authorities = []
        for _ in range(4):
            before, present = done, await store.load()
            assert present is not None
            authorities.append(present.ca)
            old.add(present.ca)

            async def changed(present: Certificates = present, before: int = before) -> bool:
                now = await store.load()
                return now is not None and now.ca != present.ca and done > before + 20

            await eventually(changed)
        stop.set()
        await anyio.sleep(0.05)
        group.cancel_scope.cancel()
    assert len(set(authorities)) == 4


async def test_replicas_share_the_keys_of_a_secret(client: Client) -> None:
    clock = FakeClock()
    first, second = (SecretStore(client, "default", "webhook-keys") for _ in range(2))
    assert await first.load() is None
    assert await second.load() is None
    keys = Certificates.make(["w.default.svc"], clock.now())
    assert await first.save(keys)
    assert not await second.save(Certificates.make(["w.default.svc"], clock.now()))
    assert await second.load() == keys
    clock.advance(61 * DAY)
    renewed = keys.renewed(["w.default.svc"], clock.now())
    assert (renewed.ca, renewed.certificate != keys.certificate) == (keys.ca, True)
    assert await second.save(renewed)
    assert not await first.save(renewed)
    assert await first.load() == renewed


def test_certificates_are_renewed_in_time_and_for_new_names() -> None:
    clock = FakeClock()
    names = ["w.default.svc", "10.0.0.1"]
    keys = Certificates.make(names, clock.now())
    assert keys.renewed(names, clock.now()) == keys
    assert keys.renewed([*names, "other"], clock.now()).certificate != keys.certificate
    clock.advance(59 * DAY)
    assert keys.renewed(names, clock.now()) == keys
    clock.advance(3 * DAY)
    later = keys.renewed(names, clock.now())
    assert later.certificate != keys.certificate
    assert later.bundle == keys.ca
    clock.advance(7 * 365 * DAY)
    both = later.renewed(names, clock.now())
    assert both.bundle == both.ca + keys.ca
    clock.advance(4 * 365 * DAY)  # the first CA has expired
    assert both.renewed(names, clock.now()).bundle.count(b"BEGIN") == 1


def test_conversion_takes_the_shortest_way_and_keeps_metadata() -> None:
    ways = Conversion()
    for source, target in (("v1", "v2"), ("v2", "v3"), ("v3", "v4"), ("v1", "v3")):

        @ways.step(source, target)
        def _(obj: Obj, target: str = target) -> Obj:
            path = obj["spec"].get("path", "")
            metadata = {"name": "changed", "labels": {"to": target}, "uid": "changed"}
            return obj | {"spec": {"path": path + target}, "metadata": metadata}

    obj: Obj = {
        "apiVersion": "e.com/v1",
        "metadata": {"name": "a", "uid": "1", "annotations": {"x": "y"}},
        "spec": {},
    }
    assert ways.convert(obj, "v4") == {
        "apiVersion": "e.com/v4",
        "metadata": {"name": "a", "uid": "1", "labels": {"to": "v4"}},
        "spec": {"path": "v3v4"},
    }
    assert ways.convert(obj, "v1") == obj
    with pytest.raises(ConversionFailed, match="no conversion from v4 to v1"):
        ways.convert(obj | {"apiVersion": "e.com/v4"}, "v1")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x", "a/b", "~0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c/d", "e~f"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from("xyz"), JSON), st.dictionaries(st.sampled_from("xyz"), JSON))
def test_the_patch_of_a_mutation_is_exactly_the_change(before: Obj, after: Obj) -> None:
    patched = json_patch.apply(before, list(admission._difference(before, after, "")))
    assert orjson.dumps(patched, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        after, option=orjson.OPT_SORT_KEYS
    )


async def test_bodies_that_are_no_review_are_refused() -> None:
    for body in (b"", b"[]", b'{"request": {}}', b'{"request": null}'):
        with pytest.raises(ValueError, match="not an AdmissionReview"):
            await admission.review(body, validate, mutates=False)
