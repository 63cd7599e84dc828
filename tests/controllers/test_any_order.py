"""What controllers do over time does not hang on which of their tasks runs first.

An event loop that shuffles what is ready to run, seeded, runs each of these lives as often as there are seeds:
a hundred, or as KUBEPY_SEEDS says. A seed that fails is named and fails again.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from tests.controllers import (
    test_cronjob,
    test_job,
    test_local_path,
    test_node_zones,
    test_persistentvolume,
    test_podautoscaler,
)

SEEDS = int(os.environ.get("KUBEPY_SEEDS", "100"))
LIVES: dict[str, Callable[[], Awaitable[None]]] = {
    "a Job's back-off": test_job.test_failures_back_off_10_20_40_seconds_and_end_at_the_limit,
    "a Job's pods": test_job.test_completions_are_worked_off_at_most_parallelism_at_a_time,
    "a CronJob's day": test_cronjob.test_a_day,
    "an autoscaler's window": test_podautoscaler.test_up_at_once_and_down_after_the_window,
    "an eviction after five minutes": test_node_zones.test_five_minutes_after_a_node_fell_silent_its_pods_are_evicted,
    "claims that want the same volumes": test_persistentvolume.test_two_claims_never_share_a_volume_and_reservations_count,
    "a volume made and removed": test_local_path.test_made_where_the_pod_goes_and_removed_when_released,
}


class ShuffledLoop(asyncio.SelectorEventLoop):
    """Runs what is ready in an order of its own, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._rng = random.Random(seed)

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            shuffled = list(ready)
            self._rng.shuffle(shuffled)
            ready.clear()
            ready.extend(shuffled)
        super()._run_once()  # type: ignore[misc]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("life", LIVES)
def test_in_any_order(life: str) -> None:
    for seed in range(SEEDS):
        try:
            anyio.run(LIVES[life], backend_options={"loop_factory": lambda seed=seed: ShuffledLoop(seed)})
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def test_the_same_seed_is_the_same_order() -> None:
    async def record() -> list[int]:
        order: list[int] = []

        async def step(number: int) -> None:
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
                order.append(number)

        async with anyio.create_task_group() as group:
            for number in range(6):
                group.start_soon(step, number)
        return order

    def run(seed: int) -> list[int]:
        return anyio.run(record, backend_options={"loop_factory": lambda: ShuffledLoop(seed)})

    assert run(7) == run(7)
    assert len({tuple(run(seed)) for seed in range(10)}) > 5
