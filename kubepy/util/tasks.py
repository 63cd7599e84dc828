"""Running a component: its event loop, its signals, its periodic work."""

import random
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)


async def run_until_signalled(main: Callable[[], Awaitable[Any]]) -> int:
    """Await `main()`; SIGTERM and SIGINT cancel it. Returns the exit status (0, also after a signal).

    What `main` raises is raised.
    """
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as group:

            async def watch_signals() -> None:
                async for number in signals:
                    log.info("shutting down", signal=signal.Signals(number).name)
                    group.cancel_scope.cancel()
                    return

            group.start_soon(watch_signals)
            await main()
            group.cancel_scope.cancel()
    return 0


def run_component(main: Callable[[], Awaitable[Any]], *, use_uvloop: bool = False) -> int:
    """Run `main` on a fresh event loop until it ends or a signal asks it to; returns the exit status."""
    return anyio.run(run_until_signalled, main, backend="asyncio", backend_options={"use_uvloop": use_uvloop})


async def periodic(
    clock: Clock,
    seconds: float,
    fn: Callable[[], Awaitable[Any]],
    jitter: float = 0.0,
    *,
    immediately: bool = True,
    rng: random.Random | None = None,
) -> None:
    """Await `fn()` for ever, `seconds` (lengthened by up to `jitter` of itself) after it last ended.

    A call that raises is logged, and the next one comes in its time.
    """
    rng = rng or random.Random()
    if not immediately:
        await clock.sleep(seconds * (1 + jitter * rng.random()))
    while True:
        try:
            await fn()
        except Exception:
            log.exception("periodic task failed", task=getattr(fn, "__qualname__", repr(fn)))
        await clock.sleep(seconds * (1 + jitter * rng.random()))
