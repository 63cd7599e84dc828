"""What init is to a machine: starts the machine's components, and starts them again when they end.

Speaks systemd's readiness protocol to them (Type=notify), so a component cannot tell whether a
systemd unit or this supervisor started it. Ends on SIGTERM with its components, in reverse order;
containers stay, as they do when a kubelet ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from kubepy.cluster.images.mirror import ImageMirror
from kubepy.cluster.images.oci import ImageLayout
from kubepy.cluster.paths import write_file
from kubepy.cluster.processes import Process, read_pidfile, terminate, write_pidfile
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock, fail_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)

STEADY = 10.0  # a component that lived this long starts its back-off afresh
STOP_GRACE = 5.0
LOG_LIMIT = 16 << 20  # a log this long is set aside (NAME.log.1) at the component's next start
START_LIMIT = 30.0  # a component that is not ready by then no longer holds up those after it


@dataclass(frozen=True)
class ComponentSpec:
    """One process of a machine: its command, what it waits for, how it says that it is ready."""

    name: str
    command: list[str]
    after: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MachineConfig:
    """What runs on a machine. ``mirror_port`` (0: none) serves ``images_directory`` to its runtime."""

    name: str
    run_directory: Path
    log_directory: Path
    images_directory: Path
    mirror_port: int
    components: list[ComponentSpec]
    log_level: str = "info"


@dataclass
class ComponentState:
    """What ``kubepy status`` reads of a component."""

    pid: int = 0
    ready: bool = False
    restarts: int = 0
    since: float = 0.0
    last_exit: int | None = None


class Supervisor:
    """Runs the components of one machine until cancelled."""

    def __init__(self, config: MachineConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._states = {spec.name: ComponentState() for spec in config.components}
        self._ready = {spec.name: anyio.Event() for spec in config.components}
        self._children: dict[str, Process] = {}

    async def run(self) -> None:
        config = self._config
        for directory in (config.run_directory, config.log_directory):
            directory.mkdir(parents=True, exist_ok=True)
        own = Process.of(os.getpid())
        assert own is not None
        write_pidfile(config.run_directory / "supervisor.pid", own)
        await self._end_orphans()
        mirror = None
        if config.mirror_port:
            mirror = ImageMirror(ImageLayout(config.images_directory), port=config.mirror_port)
            mirror.start()
        try:
            async with anyio.create_task_group() as group:
                for spec in config.components:
                    group.start_soon(self._keep_running, spec)
        finally:
            with anyio.CancelScope(shield=True):
                await self._stop_all()
                if mirror is not None:
                    mirror.stop()
                (config.run_directory / "supervisor.pid").unlink(missing_ok=True)

    async def _end_orphans(self) -> None:
        """Components of a supervisor that was killed are ours no more: they start afresh."""
        pidfiles = [self._pidfile(spec.name) for spec in self._config.components]
        await terminate(filter(None, map(read_pidfile, pidfiles)), self._clock, STOP_GRACE)

    async def _stop_all(self) -> None:
        for spec in reversed(self._config.components):
            child = self._children.get(spec.name)
            if child is not None:
                await terminate([child], self._clock, STOP_GRACE)
            self._pidfile(spec.name).unlink(missing_ok=True)
            self._states[spec.name] = ComponentState()
        self._publish()

    async def _keep_running(self, spec: ComponentSpec) -> None:
        for name in spec.after:
            with anyio.CancelScope() as scope:
                timer = self._clock.call_later(START_LIMIT, scope.cancel)
                await self._ready[name].wait()
                timer.cancel()
        backoff = Backoff(0.2, cap=10.0)
        state = self._states[spec.name]
        while True:
            started = self._clock.monotonic()
            state.last_exit = await self._run_once(spec, state)
            if self._clock.monotonic() - started >= STEADY:
                backoff.reset()
            state.restarts += 1
            state.ready = False
            self._publish()
            wait = backoff.next()
            log.warning(
                "component ended", name=spec.name, exit_code=state.last_exit, restart_in=round(wait, 2)
            )
            await self._clock.sleep(wait)

    async def _run_once(self, spec: ComponentSpec, state: ComponentState) -> int:
        """Start the component, note when it is ready, return its exit code when it ends."""
        notifications = self._config.run_directory / f"{spec.name}.notify"
        notifications.unlink(missing_ok=True)
        environment = {**os.environ, **spec.environment, "NOTIFY_SOCKET": str(notifications)}
        with _datagram_socket(notifications) as receiver, self._open_log(spec.name) as output:
            child = await anyio.open_process(
                spec.command,
                stdin=subprocess.DEVNULL,
                stdout=output.fileno(),
                stderr=output.fileno(),
                env=environment,
                start_new_session=True,
            )
            process = Process.of(child.pid)
            if process is not None:
                self._children[spec.name] = process
                write_pidfile(self._pidfile(spec.name), process)
            state.pid, state.since = child.pid, self._clock.time()
            self._publish()
            async with anyio.create_task_group() as group:
                group.start_soon(self._await_ready, spec.name, receiver)
                exit_code = await child.wait()
                group.cancel_scope.cancel()
        return exit_code

    async def _await_ready(self, name: str, receiver: socket.socket) -> None:
        while True:
            await anyio.wait_readable(receiver)
            lines = receiver.recv(4096).decode(errors="replace").splitlines()
            if "READY=1" in lines:
                self._states[name].ready = True
                self._ready[name].set()
                self._publish()

    def _pidfile(self, name: str) -> Path:
        return self._config.run_directory / f"{name}.pid"

    def _open_log(self, name: str) -> Any:
        path = self._config.log_directory / f"{name}.log"
        if path.is_file() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")

    def _publish(self) -> None:
        states = {name: vars(state) for name, state in self._states.items()}
        write_file(self._config.run_directory / "state.json", json.dumps(states))


def read_states(run_directory: Path) -> dict[str, ComponentState]:
    """What the supervisor last said of its components; empty when it never ran."""
    try:
        document = json.loads((run_directory / "state.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {name: ComponentState(**state) for name, state in document.items()}


async def stop(run_directory: Path, clock: Clock) -> None:
    """End the supervisor of a machine, and with it the components; those it lost are ended here."""
    supervisor = read_pidfile(run_directory / "supervisor.pid")
    if supervisor is not None:
        supervisor.signal(signal.SIGTERM)
        try:
            with fail_after(clock, 60.0):
                while supervisor.alive:
                    await clock.sleep(0.05)
        except TimeoutError:
            supervisor.signal(signal.SIGKILL)
    lost = [read_pidfile(path) for path in run_directory.glob("*.pid")]
    await terminate(filter(None, lost), clock, STOP_GRACE)


def _datagram_socket(path: Path) -> socket.socket:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    receiver.bind(str(path))
    return receiver
