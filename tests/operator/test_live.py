"""Against a true API server: restricted caches, apply's conflicts, discovery, a leader that hands over."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from kubepy.client import Client, MissingKind, RESTMapper
from kubepy.informer import SharedInformerFactory, keep_fields
from kubepy.machinery import errors, meta
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj
from kubepy.operator import Applier, Controller, Manager, Request, serve

pytestmark = pytest.mark.anyio
CONFIG_MAPS = GVR("", "v1", "configmaps")
LEASES = GVR("coordination.k8s.io", "v1", "leases")


def config_map(name: str, *, labels: dict[str, str] | None = None, **data: str) -> Obj:
    head = {"name": name, "namespace": "default", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head, "data": data}


async def until(check: Callable[[], Any]) -> None:
    with anyio.fail_after(10):
        while not check():
            await anyio.sleep(0.02)


async def test_caches_hold_what_was_asked_for_and_no_more(client: Client) -> None:
    await client.create(CONFIG_MAPS, config_map("a", labels={"ours": "yes"}, big="x" * 1000))
    await client.create(CONFIG_MAPS, config_map("b", big="x"))
    factory = SharedInformerFactory(client)
    heads = factory.informer(CONFIG_MAPS, metadata_only=True)
    ours = factory.informer(CONFIG_MAPS, label_selector="ours=yes")
    named = factory.informer(CONFIG_MAPS, field_selector="metadata.name=b", transform=keep_fields())
    assert len({id(heads), id(ours), id(named), id(factory.informer(CONFIG_MAPS))}) == 4
    assert factory.informer(CONFIG_MAPS, metadata_only=True) is heads
    async with anyio.create_task_group() as group:
        await group.start(factory.run)
        await factory.wait_for_sync()
        head = heads.lister.get("a", "default")
        assert head is not None
        assert (head["kind"], set(head)) == ("PartialObjectMetadata", {"apiVersion", "kind", "metadata"})
        assert meta.labels(head) == {"ours": "yes"}
        assert [meta.name(o) for o in ours.lister.list("default")] == ["a"]
        [only] = named.lister.list()
        assert (meta.name(only), "data" in only) == ("b", False)
        # Out of the selection is out of the cache; a change is a change of the metadata too.
        await client.patch(CONFIG_MAPS, "a", {"metadata": {"labels": {"ours": None}}}, namespace="default")
        await until(lambda: not ours.lister.list())
        await until(lambda: meta.labels(heads.lister.get("a", "default") or {}) == {})
        group.cancel_scope.cancel()


async def test_apply_owns_removes_and_meets_others(client: Client) -> None:
    ours = Applier(client, "ours", force=False)
    await ours.apply(config_map("a", one="1", two="2"))
    await client.patch(CONFIG_MAPS, "a", {"data": {"theirs": "3"}}, namespace="default", field_manager="them")
    made = await ours.apply(config_map("a", one="1"))
    assert made["data"] == {"one": "1", "theirs": "3"}
    with pytest.raises(errors.StatusError, match='conflict with "them"') as caught:
        await ours.apply(config_map("a", one="1", theirs="4"))
    assert errors.is_conflict(caught.value)
    forced = await Applier(client, "ours").apply(config_map("a", theirs="4"))
    assert forced["data"] == {"theirs": "4"}
    assert await ours.delete(forced)
    assert not await ours.delete(forced)


async def test_discovery_of_kinds(client: Client) -> None:
    mapper = RESTMapper(client)
    assert await mapper.mapping(GVK("coordination.k8s.io", "v1", "Lease")) == (LEASES, True)
    assert await mapper.mapping(GVK("", "v1", "Namespace")) == (GVR("", "v1", "namespaces"), False)
    for gvk in (GVK("", "v1", "Nothing"), GVK("nowhere.example.com", "v1", "Nothing")):
        with pytest.raises(MissingKind):
            await mapper.mapping(gvk)


async def test_a_leader_that_ends_hands_over_at_once(client: Client) -> None:
    worked: list[str] = []

    async def replica(name: str, scopes: dict[str, anyio.CancelScope]) -> None:
        async def setup(manager: Manager) -> None:
            async def reconcile(request: Request) -> None:
                worked.append(f"{name} {request.name}")

            manager.add(Controller("c", reconcile).for_(CONFIG_MAPS, label_selector="ours=yes"))

        with anyio.CancelScope() as scope:
            scopes[name] = scope
            await serve(setup, name="replicas", config=client.config, leader_election=True)

    scopes: dict[str, anyio.CancelScope] = {}
    async with anyio.create_task_group() as group:
        group.start_soon(replica, "first", scopes)
        await client.create(CONFIG_MAPS, config_map("a", labels={"ours": "yes"}))
        await until(lambda: worked == ["first a"])
        group.start_soon(replica, "second", scopes)
        await anyio.sleep(0.5)
        assert worked == ["first a"]
        scopes["first"].cancel()
        await until(lambda: worked == ["first a", "second a"])  # long before a lease of 15 s is over
        scopes["second"].cancel()
    lease = await client.get(LEASES, "replicas", namespace="default")
    assert lease["spec"]["holderIdentity"] == ""
