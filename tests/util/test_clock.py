import anyio
import pytest

from kubepy.util.clock import FakeClock, SystemClock, fail_after, move_on_after

pytestmark = pytest.mark.anyio


async def test_sleepers_wake_at_their_own_time_and_in_order() -> None:
    clock = FakeClock(start=1000)
    woke: list[tuple[str, float]] = []

    async def sleeper(name: str, *waits: float) -> None:
        for wait in waits:
            await clock.sleep(wait)
            woke.append((name, clock.time()))

    async with anyio.create_task_group() as group:
        group.start_soon(sleeper, "a", 5, 5)
        group.start_soon(sleeper, "b", 7)
        group.start_soon(sleeper, "c", 60)
        await clock.run_for(10)
        assert woke == [("a", 1005), ("b", 1007), ("a", 1010)]
        assert clock.next_deadline == 50
        group.cancel_scope.cancel()
    assert clock.next_deadline is None
    assert clock.monotonic() == 10
    assert clock.now().isoformat() == "1970-01-01T00:16:50+00:00"


async def test_a_callback_may_set_the_next_timer_within_one_advance() -> None:
    clock = FakeClock()
    ticks: list[float] = []

    def tick() -> None:
        ticks.append(clock.monotonic())
        clock.call_later(1, tick)

    clock.call_later(1, tick)
    clock.advance(3.5)
    assert ticks == [1, 2, 3]


async def test_cancelled_timer_does_not_fire() -> None:
    clock = FakeClock()
    fired: list[int] = []
    clock.call_later(1, lambda: fired.append(1)).cancel()
    clock.advance(2)
    assert fired == []


async def test_timeouts_follow_the_clock() -> None:
    clock = FakeClock()
    outcome: list[str] = []

    async def wait() -> None:
        with move_on_after(clock, 10) as scope:
            await anyio.sleep_forever()
        outcome.append(f"moved on {scope.cancelled_caught}")
        try:
            with fail_after(clock, 10):
                await anyio.sleep_forever()
        except TimeoutError as error:
            outcome.append(str(error))
        with fail_after(clock, 10):
            await clock.sleep(3)
        outcome.append("in time")

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.run_for(9)
        assert outcome == []
        await clock.run_for(30)
    assert outcome == ["moved on True", "timed out after 10 s", "in time"]
    assert clock.next_deadline is None


async def test_system_clock_moves() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
    assert abs(clock.now().timestamp() - clock.time()) < 5
