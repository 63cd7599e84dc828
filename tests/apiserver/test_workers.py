"""Several workers behind one port, as processes: they agree, and the end of one is not the end of the server."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import orjson
import pytest

from kubepy.apiserver.config import APIServerConfig
from kubepy.util import config
from tests.storage.etcd import make_cluster, needs_etcd

from .conftest import CONFIG_MAPS, Answer, Client, Keys, config_map, free_port

pytestmark = pytest.mark.anyio
WORKERS = 2


class Caller(Client):
    """Each request has a connection of its own, so that they reach all workers in turn."""

    async def close(self) -> None:
        await self.session.close()
        await anyio.sleep(0.25)  # connections close after the session


class Server:
    """`kubepy apiserver` with its workers."""

    def __init__(self, keys: Keys, folder: Path, **options: Any) -> None:
        self.keys = keys
        self.port = free_port()
        self.log = folder / "apiserver.log"
        self.file = folder / "apiserver.yaml"
        settings: dict[str, Any] = {
            "bind_address": "127.0.0.1",
            "secure_port": self.port,
            "workers": WORKERS,
            "storage": f"sqlite://{folder}/state.db",
            "tls_cert_file": keys.server[0],
            "tls_private_key_file": keys.server[1],
            "client_ca_file": keys.ca.file,
            "service_account_signing_key_file": keys.service_account,
            "audit_log_path": str(folder / "audit.log"),
        }
        self.file.write_text(config.dump(APIServerConfig(**{**settings, **options})))
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kubepy", "apiserver", "--config", str(self.file)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def workers(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]

    def client(self) -> Caller:
        tls = ssl.create_default_context(cafile=str(self.keys.ca.file))
        tls.load_cert_chain(*self.keys.client("kubernetes-admin", "system:masters"))
        connector = aiohttp.TCPConnector(ssl=tls, limit=0, force_close=True)
        return Caller(aiohttp.ClientSession(connector=connector), f"https://127.0.0.1:{self.port}")

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


async def ready(client: Caller, within: float = 30.0) -> None:
    with anyio.fail_after(within):
        while True:
            try:
                if (await client.get("/readyz")).status == 200:
                    return
            except aiohttp.ClientError:
                pass
            await anyio.sleep(0.05)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        workers = server.workers() if server.process.poll() is None else []
        server.process.kill()
        server.process.wait()
        for _ in range(100):  # without their parent they end by themselves
            if not any(alive(pid) for pid in workers):
                break
            time.sleep(0.05)
        assert not [pid for pid in workers if alive(pid)], server.log.read_text()[-2000:]


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.fixture(scope="module")
def server(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that leave it as it was."""
    with running(Server(keys, tmp_path_factory.mktemp("server"))) as started:
        yield started


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Caller]:
    made = server.client()
    await ready(made)
    with anyio.fail_after(30):  # the last worker too
        while "worker" not in "".join(Path(f"/proc/{p}/cmdline").read_text() for p in server.workers()):
            await anyio.sleep(0.05)
    yield made
    await made.close()


async def both_serve(client: Client, server: Server) -> None:
    """Until each worker has connections: two watches, dealt out in turn, in two processes."""
    with anyio.fail_after(30):
        while True:
            async with (
                client.session.get(f"{client.base}{CONFIG_MAPS}?watch=1&timeoutSeconds=60") as one,
                client.session.get(f"{client.base}{CONFIG_MAPS}?watch=1&timeoutSeconds=60") as two,
            ):
                assert (one.status, two.status) == (200, 200)
                if all(connections(pid, server.port) for pid in server.workers()):
                    return
            await anyio.sleep(0.1)


def connections(pid: int, port: int) -> int:
    """How many TCP connections to the port a process holds."""
    inodes = {
        line.split()[9]
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        if int(line.split()[1].rpartition(":")[2], 16) == port and line.split()[3] == "01"
    }
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.add(os.readlink(descriptor))
        except OSError:
            continue
    return sum(f"socket:[{inode}]" in held for inode in inodes)


async def test_connections_reach_all_workers_and_these_agree(client: Client, server: Server) -> None:
    await both_serve(client, server)
    assert len(server.workers()) == WORKERS
    for n in range(24):  # every request on the other worker
        made = await client.post(CONFIG_MAPS, config_map(f"c{n}"))
        assert made.status == 201
        found = await client.get(f"{CONFIG_MAPS}/c{n}")
        assert found.json["metadata"]["resourceVersion"] == made.json["metadata"]["resourceVersion"]
        changed = await client.put(f"{CONFIG_MAPS}/c{n}", {**found.json, "data": {"k": "w"}})
        stale = await client.put(f"{CONFIG_MAPS}/c{n}", {**found.json, "data": {"k": "x"}})
        assert (changed.status, stale.status) == (200, 409)
        if n % 2:
            assert (await client.delete(f"{CONFIG_MAPS}/c{n}")).status == 200
            assert (await client.get(f"{CONFIG_MAPS}/c{n}")).status == 404
    listed = [(await client.get(CONFIG_MAPS)).json for _ in range(WORKERS)]
    names = [{i["metadata"]["name"] for i in page["items"]} for page in listed]
    assert [{name for name in page if name[0] == "c"} for page in names] == [
        {f"c{n}" for n in range(0, 24, 2)}
    ] * WORKERS


async def test_each_worker_tells_its_own_metrics_under_its_number(client: Caller, server: Server) -> None:
    await both_serve(client, server)
    texts = [(await client.get("/metrics")).body.decode() for _ in range(2 * WORKERS)]
    counted = [line for text in texts for line in text.splitlines() if line[:1] not in ("#", "")]
    assert all('worker="' in line for line in counted)
    assert {line.partition('worker="')[2][0] for line in counted} == {"0", "1"}


async def test_watches_at_every_worker_see_every_change_once(client: Client, server: Server) -> None:
    await both_serve(client, server)
    start = (await client.get(CONFIG_MAPS)).json["metadata"]["resourceVersion"]
    seen: list[list[str]] = []

    async def follow() -> None:
        names: list[str] = []
        seen.append(names)
        async with client.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={start}") as events:
            while len(names) < 100:
                names.append((await events.next())["object"]["metadata"]["name"])

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(follow)
            for n in range(100):
                assert (await client.post(CONFIG_MAPS, config_map(f"w{n:03}"))).status == 201
    assert seen == [[f"w{n:03}" for n in range(100)]] * 6


async def test_cluster_addresses_are_given_once(keys: Keys, tmp_path: Path) -> None:
    options = {"service_cluster_ip_range": "10.96.0.0/26", "service_node_port_range": "30000-30031"}
    with running(Server(keys, tmp_path, **options)) as server:
        client = server.client()
        await ready(client)
        await both_serve(client, server)
        answers: list[Answer] = []

        async def make(n: int) -> None:
            body = {"metadata": {"name": f"s{n}"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
            answers.append(await client.post("/api/v1/namespaces/default/services", body))

        async with anyio.create_task_group() as tasks:
            for n in range(32):
                tasks.start_soon(make, n)
        assert {answer.status for answer in answers} == {201}, [a.message for a in answers if a.status != 201]
        assert len({answer.json["spec"]["clusterIP"] for answer in answers}) == 32
        assert len({answer.json["spec"]["ports"][0]["nodePort"] for answer in answers}) == 32
        await client.close()


@needs_etcd
async def test_with_etcd_every_worker_speaks_to_it_and_they_agree(keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    etcd = make_cluster(tmp_path / "etcd", 1)
    etcd.start()
    try:
        with running(Server(keys, tmp_path, storage=etcd.url)) as server:
            client = server.client()
            await ready(client)
            await both_serve(client, server)
            for n in range(20):
                made = await client.post(CONFIG_MAPS, config_map(f"e{n}"))
                found = await client.get(f"{CONFIG_MAPS}/e{n}")
                assert (made.status, found.status) == (201, 200)
                assert found.json["metadata"]["resourceVersion"] == made.json["metadata"]["resourceVersion"]
            await client.close()
    finally:
        etcd.stop()


async def test_a_killed_worker_is_replaced_and_no_acknowledged_write_is_lost(
    client: Client, server: Server
) -> None:
    await both_serve(client, server)
    acknowledged: set[str] = set()
    failed = 0
    before = server.workers()
    for n in range(60):
        if n == 20:
            os.kill(before[0], signal.SIGKILL)
        try:
            answer = await client.post(CONFIG_MAPS, config_map(f"k{n}"))
        except aiohttp.ClientError:
            failed += 1
            continue
        assert answer.status == 201, answer.message
        acknowledged.add(f"k{n}")
    assert failed <= 2  # what the killed worker had in hand
    with anyio.fail_after(30):
        while len(server.workers()) < WORKERS or before[0] in server.workers():
            await anyio.sleep(0.05)
    await both_serve(client, server)
    for _ in range(WORKERS):
        there = {i["metadata"]["name"] for i in (await client.get(CONFIG_MAPS)).json["items"]}
        assert acknowledged <= there


async def test_a_hung_worker_does_not_stop_the_other(client: Client, server: Server) -> None:
    await both_serve(client, server)
    stopped = server.workers()[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        answers: list[int] = []

        async def ask() -> None:
            with anyio.move_on_after(5):
                answers.append((await client.get(CONFIG_MAPS)).status)

        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(ask)
        assert answers == [200] * 3  # those that were dealt to the other
    finally:
        os.kill(stopped, signal.SIGCONT)


async def test_when_the_parent_is_killed_the_workers_end_and_a_new_server_has_everything(
    keys: Keys, tmp_path: Path
) -> None:
    server = Server(keys, tmp_path)
    acknowledged: set[str] = set()
    for life in range(3):
        with running(server):
            client = server.client()
            await ready(client)
            names = {i["metadata"]["name"] for i in (await client.get(CONFIG_MAPS)).json["items"]}
            assert acknowledged <= names
            async with anyio.create_task_group() as tasks:

                async def write(life: int, part: int, client: Caller = client) -> None:
                    for n in range(1000):
                        name = f"p{life}-{part}-{n}"
                        try:
                            answer = await client.post(CONFIG_MAPS, config_map(name))
                        except aiohttp.ClientError:
                            return
                        assert answer.status in (201, 503), answer.message
                        if answer.status == 201:
                            acknowledged.add(name)

                for part in range(4):
                    tasks.start_soon(write, life, part)
                while len(acknowledged) < 30 * (life + 1):
                    await anyio.sleep(0.01)
                server.process.kill()
            await client.close()


async def test_it_ends_gracefully(keys: Keys, tmp_path: Path) -> None:
    with running(Server(keys, tmp_path)) as server:
        client = server.client()
        await ready(client)
        await both_serve(client, server)
        workers = server.workers()
        async with client.session.get(f"{client.base}{CONFIG_MAPS}?watch=1") as watch:
            assert server.end() == 0
            assert not any(alive(pid) for pid in workers)
            rest = await watch.content.read()  # to its proper end
        await client.close()
    assert all(orjson.loads(line) for line in rest.splitlines())
    assert "killed" not in server.log.read_text()


async def test_a_port_in_use_and_a_worker_that_cannot_start_are_told(keys: Keys, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Server(keys, tmp_path, secure_port=taken.getsockname()[1])
        server.start()
        assert server.process.wait(30) == 1
        assert "address already in use" in server.log.read_text().lower()
    broken = Server(keys, tmp_path, service_account_signing_key_file=tmp_path / "missing.key")
    broken.start()
    assert broken.process.wait(60) == 1
    told = broken.log.read_text()
    assert "missing.key" in told
    assert "has ended with status 1" in told
