import os
import signal

import anyio
import pytest

from kubepy.util.clock import FakeClock
from kubepy.util.logging import capture
from kubepy.util.tasks import periodic, run_until_signalled

pytestmark = pytest.mark.anyio


async def test_a_signal_cancels_main_and_ends_with_zero() -> None:
    cleaned = []

    async def main() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await anyio.sleep(30)
        finally:
            cleaned.append(True)

    assert await run_until_signalled(main) == 0
    assert cleaned == [True]


async def test_ends_when_main_ends() -> None:
    assert await run_until_signalled(anyio.lowlevel.checkpoint) == 0


async def test_periodic_survives_a_failing_call() -> None:
    clock = FakeClock()
    calls: list[float] = []

    async def tick() -> None:
        calls.append(clock.monotonic())
        if len(calls) == 2:
            raise RuntimeError("boom")

    with capture() as logs:
        async with anyio.create_task_group() as group:
            group.start_soon(periodic, clock, 10, tick)
            await clock.run_for(35)
            group.cancel_scope.cancel()
    assert calls == [0, 10, 20, 30]
    assert [entry["event"] for entry in logs] == ["periodic task failed"]
