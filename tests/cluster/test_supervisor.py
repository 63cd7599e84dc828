"""The supervisor: starts, restarts, orders, and ends what it started."""

import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from kubepy.cluster.processes import Process, read_pidfile
from kubepy.cluster.supervisor import ComponentSpec, MachineConfig, Supervisor, read_states, stop
from kubepy.util.clock import SystemClock

pytestmark = pytest.mark.anyio

READY = "import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ['NOTIFY_SOCKET']); s.send(b'READY=1')"
SLEEP = "import time; time.sleep(60)"


def spec(name: str, *code: str, after: list[str] | None = None) -> ComponentSpec:
    return ComponentSpec(name, [sys.executable, "-c", "; ".join(code)], after=after or [])


def config(tmp_path: Path, *components: ComponentSpec) -> MachineConfig:
    for folder in ("run", "log", "images"):
        (tmp_path / folder).mkdir(exist_ok=True)
    return MachineConfig("m", tmp_path / "run", tmp_path / "log", tmp_path / "images", 0, list(components))


@asynccontextmanager
async def running(machine: MachineConfig) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(machine, SystemClock())
    async with anyio.create_task_group() as group:
        group.start_soon(supervisor.run)
        yield supervisor
        group.cancel_scope.cancel()


async def until(condition: object) -> None:
    with anyio.fail_after(10):
        while not condition():  # type: ignore[operator]
            await anyio.sleep(0.02)


async def test_a_component_that_ends_is_started_again(tmp_path: Path) -> None:
    machine = config(tmp_path, spec("a", READY, SLEEP))
    async with running(machine):
        await until(
            lambda: read_states(tmp_path / "run").get("a", None) and read_states(tmp_path / "run")["a"].ready
        )
        first = read_pidfile(tmp_path / "run/a.pid")
        assert first is not None
        first.signal(signal.SIGKILL)
        await until(
            lambda: (
                read_states(tmp_path / "run")["a"].restarts == 1 and read_states(tmp_path / "run")["a"].ready
            )
        )
        second = read_pidfile(tmp_path / "run/a.pid")
        assert second is not None
        assert second != first
        assert read_states(tmp_path / "run")["a"].last_exit == -9
    assert not second.alive


async def test_components_wait_for_those_they_come_after(tmp_path: Path) -> None:
    order = tmp_path / "order"
    write = f"open({str(order)!r}, 'a').write"
    slow = spec("slow", "import time", "time.sleep(0.5)", f"{write}('slow ')", READY, SLEEP)
    machine = config(tmp_path, spec("late", f"{write}('late')", READY, SLEEP, after=["slow"]), slow)
    async with running(machine):
        await until(lambda: order.is_file() and order.read_text().endswith("late"))
    assert order.read_text() == "slow late"


async def test_a_new_supervisor_ends_what_a_killed_one_left(tmp_path: Path) -> None:
    machine = config(tmp_path, spec("a", READY, SLEEP))
    orphan = await anyio.open_process([sys.executable, "-c", SLEEP])
    process = Process.of(orphan.pid)
    assert process is not None
    (tmp_path / "run/a.pid").write_text(json.dumps({"pid": process.pid, "started": process.started}))
    async with running(machine):
        await until(
            lambda: (
                read_states(tmp_path / "run").get("a") is not None and read_pidfile(tmp_path / "run/a.pid")
            )
        )
        assert not process.alive
        await orphan.wait()
    await orphan.aclose()


async def test_what_a_component_prints_is_in_its_log(tmp_path: Path) -> None:
    async with running(config(tmp_path, spec("a", "print('hello', flush=True)", SLEEP))):
        await until(
            lambda: (tmp_path / "log/a.log").is_file() and "hello" in (tmp_path / "log/a.log").read_text()
        )


async def test_stop_of_a_machine_that_does_not_run_is_fine(tmp_path: Path) -> None:
    await stop(tmp_path, SystemClock())
    assert read_states(tmp_path) == {}


def test_a_recycled_pid_is_not_ours() -> None:
    own = Process.of(1)
    assert own is not None
    assert not Process(1, own.started + 1).alive
