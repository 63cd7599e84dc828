"""Finished Jobs go when their time is up, no sooner."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.api.resources import JOBS
from kubepy.controllers.ttl_after_finished import controller
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


def job(name: str, **spec: Any) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}
    metadata = {"name": name, "namespace": "d"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": {"spec": pod}, **spec},
    }


def finish(world: World, name: str, kind: str) -> None:
    found = [{"type": kind, "status": "True", "lastTransitionTime": world.now()}]
    world.change(JOBS, name, lambda j: j.update(status={"conditions": found}))


async def test_finished_jobs_go_when_their_time_is_up() -> None:
    world = World()
    async with world.running(controller.new):
        for name in ("done", "failed", "running"):
            world.add(JOBS, job(name, ttlSecondsAfterFinished=100))
        world.add(JOBS, job("kept"))
        world.add(JOBS, job("longer", ttlSecondsAfterFinished=100))
        for name in ("done", "kept", "longer"):
            finish(world, name, "Complete")
        finish(world, "failed", "Failed")
        await world.pass_time(99)
        world.change(JOBS, "longer", lambda j: j["spec"].update(ttlSecondsAfterFinished=200))
        assert len(world.names(JOBS)) == 5
        await world.pass_time(1)
        assert world.names(JOBS) == ["kept", "longer", "running"]
        await world.pass_time(100)
        assert world.names(JOBS) == ["kept", "running"]
