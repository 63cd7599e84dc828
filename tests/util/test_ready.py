import os
import socket
from pathlib import Path

import anyio
import pytest

from kubepy.util import ready
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio


def test_silent_without_a_service_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert ready.notify_ready() is False


async def test_tells_the_service_manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "s"))
        server.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        assert ready.notify_ready()
        assert ready.notify_stopping()
        assert [server.recv(100), server.recv(100)] == [b"READY=1", b"STOPPING=1"]
        monkeypatch.setenv("WATCHDOG_USEC", "4000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        clock = FakeClock()
        async with anyio.create_task_group() as group:
            group.start_soon(ready.watchdog, clock)
            await clock.run_for(5)
            group.cancel_scope.cancel()
        # also while it starts: whoever waits and lives is given the time
        assert [server.recv(100) for _ in range(3)] == [b"WATCHDOG=1\nEXTEND_TIMEOUT_USEC=4000000"] * 3


async def test_watchdog_of_another_process_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    await ready.watchdog(FakeClock())
