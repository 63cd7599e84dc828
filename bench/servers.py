"""The processes of a measurement: keys for them, their start, their end."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import orjson
from anyio import to_thread

from bench.bytecode import environment
from bench.http1 import Target
from bench.load import Job
from kubepy.apiserver.config import APIServerConfig
from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.cluster.pki import Identity, KeyPair, Pki
from kubepy.machinery.errors import StatusError
from kubepy.util import config

HOST = "127.0.0.1"
CHECKOUT = Path(__file__).resolve().parent.parent
START_WITHIN = 30.0


class ServerError(RuntimeError):
    """A process of the measurement failed; the message says which and where its log is."""


@dataclass(frozen=True)
class Keys:
    """One CA for all: a serving pair, an administrator, and the user that makes the load."""

    ca: Path
    server: KeyPair
    admin: KeyPair
    user: KeyPair
    service_account: tuple[Path, Path]

    @classmethod
    def make(cls, folder: Path) -> Keys:
        folder.mkdir()
        pki = Pki(folder, datetime.now(UTC))
        serving = Identity("bench", (), ("localhost",), (HOST,), server=True, client=False)
        return cls(
            pki.ca.certificate,
            pki.ensure("server", serving),
            pki.ensure("admin", Identity("kubernetes-admin", ("system:masters",))),
            # Not system:masters, which would walk past RBAC.
            pki.ensure("user", Identity("bench-user", ("bench",))),
            pki.ensure_service_account_key(),
        )

    def target(self, port: int) -> dict[str, Any]:
        """For the load generator."""
        user = self.user
        return asdict(Target(HOST, port, str(self.ca), str(user.certificate), str(user.key)))

    def client_config(self, port: int) -> ClientConfig:
        """For the administrator."""
        return ClientConfig(
            f"https://{HOST}:{port}",
            ca_file=str(self.ca),
            cert_file=str(self.admin.certificate),
            key_file=str(self.admin.key),
        )


@dataclass
class Server:
    """A process that listens on `port`."""

    port: int
    process: subprocess.Popen[bytes]
    ready_after: float = 0.0

    def _processes(self) -> list[Path]:
        """The process and its workers, in /proc."""
        process = Path(f"/proc/{self.process.pid}")
        workers = (task / "children" for task in (process / "task").iterdir())
        return [process, *(Path("/proc", pid) for each in workers for pid in each.read_text().split())]

    @property
    def resident(self) -> int:
        """Bytes of memory it holds now."""
        return self._memory("VmRSS:")

    def _memory(self, what: str) -> int:
        statuses = "".join((process / "status").read_text() for process in self._processes())
        lines = (line for line in statuses.splitlines() if line.startswith(what))
        return sum(int(line.split()[1]) for line in lines) * 1024

    @property
    def peak(self) -> int:
        """Bytes of memory it has held at most."""
        return self._memory("VmHWM:")

    @property
    def cpu(self) -> float:
        """Seconds of processor time that its threads have used."""
        tasks = (task for process in self._processes() for task in (process / "task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


@asynccontextmanager
async def apiserver(folder: Path, keys: Keys, workers: int = 1) -> AsyncIterator[Server]:
    """kubepy's API server on SQLite below `folder`; ready when yielded."""
    port = free_port()
    settings = APIServerConfig(
        bind_address=HOST,
        advertise_address=HOST,
        secure_port=port,
        workers=workers,
        storage=f"sqlite://{folder / 'state.db'}",
        tls_cert_file=keys.server.certificate,
        tls_private_key_file=keys.server.key,
        client_ca_file=keys.ca,
        service_account_signing_key_file=keys.service_account[0],
        service_account_key_files=[keys.service_account[1]],
        log_level="warning",
    )
    file = folder / "apiserver.yaml"
    file.write_text(config.dump(settings))
    environment()  # before the clock runs
    begin = perf_counter()
    async with _process(
        ["kubepy", "apiserver", "--config", str(file)], folder / "apiserver.log", port
    ) as server:
        async with Client(keys.client_config(port)) as client:
            await _until_ready(client, server, folder / "apiserver.log")
        server.ready_after = perf_counter() - begin
        yield server


@asynccontextmanager
async def floor(module: str, folder: Path, keys: Keys, files: dict[str, Path]) -> AsyncIterator[Server]:
    """`bench.bare` or `bench.fixed` with the bytes in `files`."""
    port = free_port()
    name = module.rpartition(".")[2]
    settings = {"host": HOST, "port": port, "ca": str(keys.ca)}
    settings |= {"certificate": str(keys.server.certificate), "key": str(keys.server.key)}
    settings |= {key: str(path) for key, path in files.items()}
    file = folder / f"{name}.json"
    file.write_bytes(orjson.dumps(settings))
    log = folder / f"{name}.log"
    async with _process([module, str(file)], log, port) as server:
        await _until_listening(server, log)
        yield server


async def load(job: Job) -> dict[str, Any]:
    """Run the load generator once. Raises ServerError when it fails."""
    command = [sys.executable, "-m", "bench.load"]
    done = await anyio.run_process(command, input=orjson.dumps(asdict(job)), check=False, cwd=CHECKOUT)
    if done.returncode:
        raise ServerError(f"the load generator failed: {done.stderr.decode().strip()[-2000:]}")
    figures: dict[str, Any] = orjson.loads(done.stdout)
    return figures


@asynccontextmanager
async def _process(command: list[str], log: Path, port: int) -> AsyncIterator[Server]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            cwd=CHECKOUT,
            env=environment(),
        )
    try:
        yield Server(port, process)
    finally:
        process.terminate()
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(_reap, process)


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _until_ready(client: Client, server: Server, log: Path) -> None:
    deadline = perf_counter() + START_WITHIN
    while True:
        try:
            await client.raw("GET", "/readyz")
        except (ConnectionFailed, StatusError):
            await _again(server, log, deadline)
        else:
            return


async def _until_listening(server: Server, log: Path) -> None:
    deadline = perf_counter() + START_WITHIN
    while True:
        try:
            await (await anyio.connect_tcp(HOST, server.port)).aclose()
        except OSError:
            await _again(server, log, deadline)
        else:
            return


async def _again(server: Server, log: Path, deadline: float) -> None:
    if server.process.poll() is not None or perf_counter() > deadline:
        raise ServerError(f"a server does not start: {log.read_text()[-2000:].strip()}")
    await anyio.sleep(0.02)
