"""Leases of API servers that are no more."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.api.resources import LEASES
from kubepy.controllers import lease_garbage
from kubepy.machinery.timestamps import rfc3339_micro
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


def lease(world: World, name: str, age: float, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-system", "labels": labels},
        "spec": {"renewTime": rfc3339_micro(world.clock.time() - age), "leaseDurationSeconds": 3600},
    }


async def test_those_that_ran_out_go_and_others_stay() -> None:
    world = World()
    ours = {lease_garbage.IDENTITY: "kube-apiserver"}
    async with world.running(lease_garbage.new):
        world.add(LEASES, lease(world, "old", 4000, **ours))
        world.add(LEASES, lease(world, "new", 10, **ours))
        world.add(LEASES, lease(world, "leader", 4000))
        await world.settle()
        assert world.names(LEASES) == ["leader", "new"]
        await world.pass_time(7201)
        assert world.names(LEASES) == ["leader"]
