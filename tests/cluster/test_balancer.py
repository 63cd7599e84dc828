"""The address in front of several API servers, with small HTTPS servers behind it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from kubepy.cluster.balancer import Balancer, BalancerConfig
from kubepy.cluster.https import get
from kubepy.util.clock import SystemClock
from tests.apiserver.conftest import Keys, keys, running
from tests.apiserver.pki import Authority

__all__ = ["keys"]

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[True, False], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


class FakeServer:
    """Answers /readyz, says its name, echoes what comes on /echo, and keeps /watch open."""

    def __init__(self, name: str, authority: Authority) -> None:
        self.name = name
        self.ready = True
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*authority.issue(name, "kube-apiserver", server=True))
        self.port = 0
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._listener.sockets[0].getsockname()[1]

    def stop(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            if path == "/readyz":
                code = 200 if self.ready else 500
                writer.write(f"HTTP/1.1 {code} X\r\n\r\n".encode())
            elif path == "/watch":
                writer.write(f"HTTP/1.1 200 OK\r\n\r\n{self.name}\n".encode())
                await reader.read()
            elif path.startswith("/echo/"):
                size = int(path.rpartition("/")[2])
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                while size:
                    data = await reader.read(min(size, 65536))
                    size -= len(data)
                    writer.write(data)
                    await writer.drain()
            else:
                writer.write(f"HTTP/1.1 200 OK\r\n\r\n{self.name}".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)


class Front:
    """The balancer and what clients see through it."""

    def __init__(self, balancer: Balancer, servers: list[FakeServer], authority: Authority) -> None:
        self.balancer = balancer
        self.servers = servers
        self.tls = ssl.create_default_context(cafile=str(authority.file))

    async def name(self) -> str:
        _, body = await get("127.0.0.1", self.balancer.port, "/", self.tls, SystemClock(), 5)
        return body.decode()

    @asynccontextmanager
    async def connection(self, path: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.balancer.port, ssl=self.tls, server_hostname="127.0.0.1"
        )
        try:
            writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            yield reader, writer
        finally:
            writer.transport.abort()


@pytest.fixture
async def front(authority: Authority) -> AsyncIterator[Front]:
    servers = [FakeServer(name, authority) for name in ("a", "b", "c")]
    for server in servers:
        await server.start()
    config = BalancerConfig(
        "127.0.0.1", 0, [f"127.0.0.1:{s.port}" for s in servers], authority.file, check_interval=0.05
    )
    balancer = Balancer(config, SystemClock())
    serving = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(balancer.run, serving.set)
        await serving.wait()
        await until(lambda: all(state.ready for state in balancer.servers))
        yield Front(balancer, servers, authority)
        tasks.cancel_scope.cancel()
    for server in servers:
        server.stop()


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.sleep(0.01)


async def test_connections_spread_over_the_servers(front: Front) -> None:
    watch = front.connection
    async with watch("/watch") as one, watch("/watch") as two, watch("/watch") as three:
        names = {(await reader.readline()).strip() for reader, _ in (one, two, three)}
    assert names == {b"a", b"b", b"c"}


async def test_many_connections_at_once_are_all_answered(front: Front) -> None:
    answers: list[str] = []

    async def ask() -> None:
        answers.append(await front.name())

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(ask)
    assert len(answers) == 100
    assert set(answers) == {"a", "b", "c"}


async def test_bytes_pass_whole_in_both_directions(front: Front) -> None:
    sent = bytes(range(256)) * 40_000
    received = b""
    async with front.connection(f"/echo/{len(sent)}") as (reader, writer), anyio.create_task_group() as tasks:

        async def send() -> None:
            writer.write(sent)
            await writer.drain()

        tasks.start_soon(send)
        await anyio.sleep(0.2)  # let buffers fill: whoever is slow slows down who sends
        received = await reader.readexactly(len(sent))
    assert received == sent


async def test_a_server_that_is_gone_is_passed_by_at_once(front: Front) -> None:
    front.servers[0].stop()
    front.servers[1].stop()
    assert {await front.name() for _ in range(10)} == {"c"}


async def test_a_server_that_is_not_ready_gets_nothing_new_and_is_taken_back(front: Front) -> None:
    front.servers[0].ready = False
    await until(lambda: not front.balancer.servers[0].ready)
    assert {await front.name() for _ in range(20)} == {"b", "c"}
    front.servers[0].ready = True
    await until(lambda: front.balancer.servers[0].ready)
    assert "a" in {await front.name() for _ in range(40)}


async def test_connections_to_a_server_that_stays_away_are_cut(front: Front) -> None:
    async with front.connection("/watch") as (reader, _):
        name = (await reader.readline()).decode().strip()
        server = next(s for s in front.servers if s.name == name)
        server.ready = False
        with anyio.fail_after(5):
            assert await ended(reader)


async def test_with_no_server_at_all_connections_are_closed(front: Front) -> None:
    for server in front.servers:
        server.stop()
    with pytest.raises((OSError, ValueError)):
        await front.name()


async def test_servers_that_come_and_go(front: Front) -> None:
    a, b, c = (f"127.0.0.1:{server.port}" for server in front.servers)
    front.balancer.serve([a])
    assert {await front.name() for _ in range(6)} == {"a"}
    async with front.connection("/watch") as (reader, _):
        assert await reader.readline() == b"a\n"
        front.balancer.serve([b, c])  # what leads to one that is gone is cut, to begin anew
        with anyio.fail_after(5):
            assert await ended(reader)
    await until(lambda: all(state.ready for state in front.balancer.servers))
    assert {await front.name() for _ in range(12)} == {"b", "c"}


async def test_it_follows_the_clusters_own_list_and_remembers_it(keys: Keys, tmp_path: Path) -> None:
    clock = SystemClock()
    remembered = tmp_path / "servers.json"
    async with running(keys, advertise_address="127.0.0.1") as cluster:
        server = f"127.0.0.1:{cluster.server.port}"
        config = BalancerConfig(
            "127.0.0.1",
            0,
            ["127.0.0.1:1", server],
            keys.ca.file,
            cluster.kubeconfig(tmp_path),
            remembered,
            check_interval=0.05,
            list_interval=0.1,
        )
        balancer = Balancer(config, clock)
        serving = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(balancer.run, serving.set)
            await serving.wait()
            await until(lambda: [state.name for state in balancer.servers] == [server])
            await until(remembered.is_file)
            tasks.cancel_scope.cancel()
    assert json.loads(remembered.read_text()) == [server]
    assert [state.name for state in Balancer(config, clock).servers] == [server, "127.0.0.1:1"]
    remembered.write_text("{")
    assert [state.name for state in Balancer(config, clock).servers] == ["127.0.0.1:1", server]
