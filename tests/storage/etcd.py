"""Real etcd for the tests: processes on loopback ports, to be killed, paused and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BINARY = shutil.which("etcd")
needs_etcd = pytest.mark.skipif(BINARY is None, reason="etcd (Debian's etcd-server) is not installed")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass
class Member:
    """One etcd process; `start` after `kill` brings it back with its data."""

    name: str
    data: Path
    client: int
    peer: int
    arguments: list[str] = field(default_factory=list)
    scheme: str = "http"
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.client}"

    def start(self) -> None:
        assert BINARY is not None
        log = self.data.with_suffix(".log").open("ab")
        urls = [f"{self.scheme}://127.0.0.1:{self.client}", f"http://127.0.0.1:{self.peer}"]
        self.process = subprocess.Popen(
            [
                BINARY,
                *("--name", self.name, "--data-dir", str(self.data)),
                *("--listen-client-urls", urls[0], "--advertise-client-urls", urls[0]),
                *("--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1]),
                *("--heartbeat-interval", "50", "--election-timeout", "500", "--logger", "zap"),
                *self.arguments,
            ],
            stdout=log,
            stderr=log,
            env={
                "PATH": os.environ["PATH"],
                "ETCD_UNSUPPORTED_ARCH": os.environ.get("ETCD_UNSUPPORTED_ARCH", ""),
            },
        )
        log.close()

    def wait(self, seconds: float = 20.0) -> None:
        """Until the client port takes connections."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.data.with_suffix(".log").read_text()[-2000:]
            try:
                socket.create_connection(("127.0.0.1", self.client), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"etcd {self.name} does not listen")

    def _signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)


@dataclass
class Cluster:
    members: list[Member]

    @property
    def url(self) -> str:
        return "etcd://" + ",".join(member.address for member in self.members)

    def start(self) -> None:
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait()

    def stop(self) -> None:
        for member in self.members:
            if member.process is not None and member.process.poll() is None:
                member.kill()


def make_cluster(directory: Path, size: int, *arguments: str, scheme: str = "http") -> Cluster:
    ports = free_ports(2 * size)
    members = [
        Member(f"m{n}", directory / f"m{n}", ports[2 * n], ports[2 * n + 1], list(arguments), scheme)
        for n in range(size)
    ]
    peers = ",".join(f"{member.name}=http://127.0.0.1:{member.peer}" for member in members)
    for member in members:
        member.arguments += ["--initial-cluster", peers]
    return Cluster(members)
