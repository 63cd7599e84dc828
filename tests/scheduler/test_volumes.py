"""Where claims let a pod go, and what happens to claims that wait for a pod."""

from typing import Any

import anyio
import pytest

from kubepy.machinery.meta import Obj
from kubepy.scheduler.events import Action, ClusterEvent
from kubepy.scheduler.plugins.interface import Handle
from kubepy.scheduler.plugins.volume_binding import VolumeBinding
from kubepy.util.clock import FakeClock
from tests.scheduler.world import ZONE, Cluster, FakeListers, node, pod

pytestmark = pytest.mark.anyio
BOUND = {"pv.kubernetes.io/bind-completed": "yes"}


def claim(name: str = "data", volume: str = "", **more: Any) -> Obj:
    annotations = {**(BOUND if volume else {}), **more.pop("annotations", {})}
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "local",
        **more,
    }
    if volume:
        spec["volumeName"] = volume
    metadata = {"name": name, "namespace": "default", "uid": f"u-{name}", "annotations": annotations}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Bound" if volume else "Pending"}}


def volume(name: str, on: str = "", size: str = "1Gi", **more: Any) -> Obj:
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [on]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    spec: dict[str, Any] = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local",
        **({"nodeAffinity": {"required": terms}} if on else {}),
    }
    labels = more.pop("labels", {})
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {**spec, **more},
        "status": {"phase": "Available"},
    }


def storage_class(provisioner: str = "kubernetes.io/no-provisioner", **more: Any) -> Obj:
    mode = {"volumeBindingMode": "WaitForFirstConsumer", **more}
    return {"metadata": {"name": "local"}, "provisioner": provisioner, **mode}


def using(*claims: str, **more: Any) -> Obj:
    volumes = [{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims]
    return pod(volumes=volumes, **more)


def cluster(claims: list[Obj], volumes: list[Obj], classes: list[Obj] | None = None, **more: Any) -> Cluster:
    listers = FakeListers(
        persistentvolumeclaims=claims,
        persistentvolumes=volumes,
        storageclasses=[storage_class()] if classes is None else classes,
        **more,
    )
    return Cluster(node("a", labels={ZONE: "z1"}), node("b", labels={ZONE: "z2"}), listers=listers)


def message(found: Cluster, *claims: str) -> str:
    verdict = found.place(using(*claims))
    assert verdict.node is None
    return verdict.message


def test_bound_claim_ties_the_pod_to_its_volumes_node() -> None:
    found = cluster([claim(volume="v")], [volume("v", on="b")])
    assert found.place(using("data")).node == "b"
    elsewhere = cluster([claim(volume="v")], [volume("v", on="c")])
    assert message(elsewhere, "data") == (
        "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity."
    )


def test_claims_that_cannot_be_used_say_why() -> None:
    assert message(cluster([], []), "data") == (
        '0/2 nodes are available: persistentvolumeclaim "data" not found.'
    )
    immediate = cluster([claim()], [], [storage_class(volumeBindingMode="Immediate")])
    assert message(immediate, "data") == (
        "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    )
    going = claim(volume="v")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert message(cluster([going], [volume("v")]), "data") == (
        '0/2 nodes are available: persistentvolumeclaim "data" is being deleted.'
    )


def test_waiting_claim_draws_the_pod_to_a_volume_that_suits() -> None:
    small, large = volume("small", on="a", size="500Mi"), volume("large", on="b", size="2Gi")
    assert cluster([claim()], [small, large]).place(using("data")).node == "b"
    assert message(cluster([claim()], [small]), "data") == (
        "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind."
    )


def test_two_claims_need_two_volumes_of_one_node() -> None:
    claims = [claim("x"), claim("y")]
    volumes = [volume("v1", on="a"), volume("v2", on="b"), volume("v3", on="b")]
    assert cluster(claims, volumes).place(using("x", "y")).node == "b"


def test_provisioned_where_topology_and_capacity_allow() -> None:
    allowed = [{"matchLabelExpressions": [{"key": ZONE, "values": ["z2"]}]}]
    found = cluster([claim()], [], [storage_class("csi.example.com", allowedTopologies=allowed)])
    assert found.place(using("data")).node == "b"
    full = cluster(
        [claim()],
        [],
        [storage_class("csi.example.com")],
        csidrivers=[{"metadata": {"name": "csi.example.com"}, "spec": {"storageCapacity": True}}],
        csistoragecapacities=[
            {"metadata": {"name": "c"}, "storageClassName": "local", "nodeTopology": {}, "capacity": "500Mi"}
        ],
    )
    assert message(full, "data") == ("0/2 nodes are available: 2 node(s) did not have enough free storage.")


def test_selected_node_stands() -> None:
    chosen = claim(annotations={"volume.kubernetes.io/selected-node": "a"})
    assert cluster([chosen], [], [storage_class("csi.example.com")]).place(using("data")).node == "a"


def test_volume_in_a_zone_needs_a_node_there() -> None:
    found = cluster([claim(volume="v")], [volume("v", labels={ZONE: "z1__z9"})])
    assert found.place(using("data")).node == "a"
    elsewhere = cluster([claim(volume="v")], [volume("v", labels={ZONE: "z9"})])
    assert message(elsewhere, "data") == "0/2 nodes are available: 2 node(s) had no available volume zone."


def test_read_write_once_pod_claim_is_used_once() -> None:
    found = cluster([claim(volume="v", accessModes=["ReadWriteOncePod"])], [volume("v")])
    found.run(using("data"), "a")
    assert message(found, "data") == (
        "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and "
        "ReadWriteOncePod access mode."
    )


def test_nodes_attach_only_so_many_volumes_of_a_driver() -> None:
    def csi(name: str) -> dict[str, Any]:
        return {"csi": {"driver": "csi.example.com", "volumeHandle": name}}

    drivers = [{"name": "csi.example.com", "allocatable": {"count": 1}}]
    found = cluster(
        [claim("x", volume="v1"), claim("y", volume="v2")],
        [volume("v1", **csi("h1")), volume("v2", **csi("h2"))],
        csinodes=[{"metadata": {"name": n}, "spec": {"drivers": drivers}} for n in "ab"],
    )
    found.run(using("x"), "a")
    assert found.place(using("y")).node == "b"
    found.run(using("y"), "b")
    assert message(found, "x", "y") == "0/2 nodes are available: 2 node(s) exceed max volume count."


def test_exclusive_disk_keeps_pods_apart() -> None:
    def with_disk() -> Obj:
        return pod(volumes=[{"name": "d", "awsElasticBlockStore": {"volumeID": "vol-1"}}])

    found = cluster([], [])
    found.run(with_disk(), "a")
    assert found.place(with_disk()).node == "b"
    found.run(with_disk(), "b")
    assert found.place(with_disk()).message == "0/2 nodes are available: 2 node(s) had no available disk."


def test_volume_that_one_pod_is_to_get_is_not_promised_to_another() -> None:
    found = cluster([claim("x"), claim("y")], [volume("v1", on="a")])
    binding = found.profile.plugins["VolumeBinding"]
    assert isinstance(binding, VolumeBinding)
    first = found.cycle(using("x"))
    assert binding.reserve(first, "a") is None
    assert found.place(using("y")).node is None
    binding.unreserve(first, "a")
    assert found.place(using("y")).node == "a"


class RecordingClient:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.updated: list[Obj] = []
        self.patched: list[Any] = []

    async def update(self, gvr: Any, obj: Obj) -> Obj:
        self.updated.append(obj)
        return obj

    async def patch(self, gvr: Any, name: str, patch: Any, **more: Any) -> Obj:
        self.patched.append((name, patch))
        return {}


async def test_pre_bind_asks_for_volumes_and_waits_until_they_are_there() -> None:
    clock, client = FakeClock(), RecordingClient()
    made, wanted = claim("made"), claim("asked", storageClassName="csi")
    classes = [storage_class(), {**storage_class("csi.example.com"), "metadata": {"name": "csi"}}]
    found = cluster([made, wanted], [volume("v1", on="a")], classes)
    binding = VolumeBinding(Handle(found.listers, clock, client))  # type: ignore[arg-type]
    cycle = found.cycle(using("made", "asked"))
    assert binding.reserve(cycle, "a") is None
    result: list[Any] = []

    async def bind() -> None:
        result.append(await binding.pre_bind(cycle, "a"))

    async with anyio.create_task_group() as group:
        group.start_soon(bind)
        await clock.run_for(5)
        assert not result
        assert client.updated[0]["spec"]["claimRef"]["name"] == "made"
        name, patch = client.patched[0]
        assert name == "asked"
        assert patch["metadata"]["annotations"] == {"volume.kubernetes.io/selected-node": "a"}
        found.listers.objects["persistentvolumeclaims"] = [claim("made", "v1"), claim("asked", "v2")]
        await clock.run_for(1)
    assert result == [None]


async def test_pre_bind_gives_up_in_the_end() -> None:
    clock, client = FakeClock(), RecordingClient()
    found = cluster([claim()], [], [storage_class("csi.example.com")])
    binding = VolumeBinding(Handle(found.listers, clock, client), 30)  # type: ignore[arg-type]
    cycle = found.cycle(using("data"))
    binding.reserve(cycle, "a")
    result: list[Any] = []

    async def bind() -> None:
        result.append(await binding.pre_bind(cycle, "a"))

    async with anyio.create_task_group() as group:
        group.start_soon(bind)
        await clock.run_for(31)
    assert result[0].reasons == ("binding volumes: context deadline exceeded",)


def test_only_the_pods_claims_wake_it() -> None:
    found = cluster([], [])
    interests = found.profile.plugins["VolumeBinding"].interests()
    waiting = found.cycle(using("data")).pod

    def wakes(name: str) -> bool:
        event = ClusterEvent("PersistentVolumeClaim", Action.ADD, None, claim(name))
        return any(interest.helps(event, waiting) for interest in interests)

    assert wakes("data")
    assert not wakes("other")
