"""Real API servers under write load, killed with kill -9, and etcd members killed and paused under them.

What was acknowledged stays, what was not is whole or absent, and a watcher sees each change once.
KUBEPY_CRASHES says how many times (4); hundreds are for a patient machine.
"""

import os
import random
import signal
import socket
import ssl
import subprocess
import sys
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import orjson
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kubepy.apiserver.config import APIServerConfig
from kubepy.util import config
from tests.apiserver.pki import Authority
from tests.storage.etcd import Cluster, make_cluster, needs_etcd

pytestmark = pytest.mark.anyio

CRASHES = int(os.environ.get("KUBEPY_CRASHES", "4"))
PATH = "/api/v1/namespaces/default/configmaps"
MARKER = "written-by-the-crash-test"
LOST = (aiohttp.ClientError, OSError, TimeoutError)
GONE = "gone"


class Server:
    """`kubepy apiserver` on a loopback port."""

    def __init__(self, folder: Path, storage: str = "", processes: int = 1) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        authority = Authority(folder)
        certificate, key = authority.issue("server", "kube-apiserver", server=True)
        account = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "sa.key").write_bytes(account)
        (folder / "tokens").write_text("secret,admin,1,system:masters\n")
        secret = b64encode(b"k" * 32).decode()
        rule = {
            "resources": ["configmaps"],
            "providers": [{"aesgcm": {"keys": [{"name": "one", "secret": secret}]}}, {"identity": {}}],
        }
        document = {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [rule],
        }
        (folder / "encryption.yaml").write_text(yaml.safe_dump(document))
        settings = APIServerConfig(
            bind_address="127.0.0.1",
            secure_port=self.port,
            workers=processes,
            storage=storage or f"sqlite://{folder}/state.db",
            tls_cert_file=certificate,
            tls_private_key_file=key,
            client_ca_file=authority.file,
            service_account_signing_key_file=folder / "sa.key",
            service_account_key_files=[folder / "sa.key"],
            token_auth_file=folder / "tokens",
            encryption_provider_config=folder / "encryption.yaml",
        )
        (folder / "apiserver.yaml").write_text(config.dump(settings))
        self.tls = ssl.create_default_context(cafile=authority.file)
        self.url = f"https://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "apiserver.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "kubepy",
                    "apiserver",
                    "--config",
                    str(self.folder / "apiserver.yaml"),
                ],
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def kill_worker(self, rng: random.Random) -> None:
        """One of several processes, not the one that has the storage."""
        assert self.process is not None
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        workers = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        if workers:
            os.kill(rng.choice(workers), signal.SIGKILL)

    async def ready(self, session: aiohttp.ClientSession) -> None:
        with anyio.fail_after(30):
            while True:
                try:
                    async with session.get(f"{self.url}/readyz") as response:
                        if response.status == 200:
                            return
                except LOST:
                    pass
                assert self.process is not None
                assert self.process.poll() is None, (self.folder / "apiserver.log").read_text()[-3000:]
                await anyio.sleep(0.05)


class Several:
    """Servers on one storage; each request goes to any of them."""

    def __init__(self, servers: list[Server], rng: random.Random) -> None:
        self.servers = servers
        self._rng = rng
        self.tls = ssl.create_default_context()
        for server in servers:
            self.tls.load_verify_locations(server.folder / "test-ca.crt")

    @property
    def url(self) -> str:
        return self._rng.choice(self.servers).url

    async def ready(self, session: aiohttp.ClientSession) -> None:
        for server in self.servers:
            await server.ready(session)


@dataclass
class Notes:
    """What clients were told. `state`: name to the value it has, or GONE; `doubt`: what may be so besides."""

    state: dict[str, str] = field(default_factory=dict)
    doubt: dict[str, str] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)
    events: list[tuple[str, str, int]] = field(default_factory=list)
    revision: int = 0
    refused: int = 0
    stop: bool = False


def config_map(name: str, value: str) -> bytes:
    return orjson.dumps({"metadata": {"name": name}, "data": {"first": value, "second": value, "by": MARKER}})


class Refused(OSError):
    """The server says that it does not know, or cannot now."""


async def write(session: aiohttp.ClientSession, server: Server | Several, notes: Notes, writer: int) -> None:
    rng, n = random.Random(writer), 0
    while not notes.stop:
        n += 1
        mine = [
            name for name, value in notes.state.items() if name.startswith(f"w{writer}-") and value != GONE
        ]
        verb = rng.choice(["POST", "POST", "PUT", "DELETE"]) if mine else "POST"
        name = f"w{writer}-{n}" if verb == "POST" else rng.choice(mine)
        if name in notes.doubt:
            continue
        url = f"{server.url}{PATH}" + ("" if verb == "POST" else f"/{name}")
        body = None if verb == "DELETE" else config_map(name, str(n))
        wanted = GONE if verb == "DELETE" else str(n)
        try:
            async with session.request(verb, url, data=body) as response:
                answer: Any = orjson.loads(await response.read())
                if response.status >= 500 and isinstance(server, Several):
                    raise Refused(answer)
                assert response.status in (200, 201), answer
        except LOST as error:
            notes.refused += isinstance(error, Refused)
            notes.doubt[name] = wanted
            await anyio.sleep(0.05)
            continue
        notes.state[name] = wanted
        if verb != "DELETE":
            notes.acknowledged.add(int(answer["metadata"]["resourceVersion"]))


async def watch(session: aiohttp.ClientSession, server: Server | Several, notes: Notes) -> None:
    while True:
        query = f"?watch=1&allowWatchBookmarks=true&resourceVersion={notes.revision}"
        try:
            async with session.get(f"{server.url}{PATH}{query}", timeout=aiohttp.ClientTimeout()) as response:
                if response.status >= 500 and isinstance(server, Several):
                    raise Refused(await response.text())
                assert response.status == 200, await response.text()
                async for line in response.content:
                    if not line.endswith(b"\n"):
                        break  # the server died within an event
                    event = orjson.loads(line)
                    assert event["type"] != "ERROR", event
                    metadata = event["object"]["metadata"]
                    notes.revision = int(metadata["resourceVersion"])
                    if event["type"] != "BOOKMARK":
                        notes.events.append((event["type"], metadata["name"], notes.revision))
        except LOST:
            pass
        await anyio.sleep(0.05)


async def check(session: aiohttp.ClientSession, server: Server | Several, notes: Notes) -> None:
    """Compare what is there, what was acknowledged and what the watcher saw; what was in doubt is settled."""
    async with session.get(f"{server.url}{PATH}") as response:
        listed: Any = orjson.loads(await response.read())
    there = {
        item["metadata"]["name"]: item for item in listed["items"] if item["metadata"]["name"].startswith("w")
    }
    for name, item in there.items():
        assert item["data"]["first"] == item["data"]["second"]
        assert name in notes.state.keys() | notes.doubt.keys()
    for name in notes.state.keys() | notes.doubt.keys():
        value = there[name]["data"]["first"] if name in there else GONE
        allowed = {notes.state.get(name, GONE), notes.doubt.get(name, notes.state.get(name, GONE))}
        assert value in allowed, f"{name} is {value}, may be {allowed}"
        notes.state[name] = value
    notes.doubt.clear()
    newest = max((int(item["metadata"]["resourceVersion"]) for item in there.values()), default=0)
    with anyio.fail_after(20):
        while notes.revision < newest:
            await anyio.sleep(0.05)
    await anyio.sleep(0.3)  # for deletions behind it
    revisions = [revision for _, _, revision in notes.events]
    assert revisions == sorted(set(revisions))
    assert notes.acknowledged <= set(revisions)
    seen: dict[str, int] = {}
    for kind, name, revision in notes.events:
        assert (name in seen) == (kind != "ADDED"), f"{kind} of {name}"
        if kind == "DELETED":
            del seen[name]
        else:
            seen[name] = revision
    assert {name: revision for name, revision in seen.items() if name.startswith("w")} == {
        name: int(item["metadata"]["resourceVersion"]) for name, item in there.items()
    }


@pytest.mark.timeout(60 + 30 * CRASHES)
@pytest.mark.parametrize("processes", [1, 2])
async def test_a_server_killed_under_load_loses_nothing_it_acknowledged(
    tmp_path: Path, processes: int
) -> None:
    server, notes, rng = Server(tmp_path, processes=processes), Notes(), random.Random(CRASHES)
    headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(ssl=server.tls, limit=0)
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:
        # It would repeat a PUT or DELETE whose connection broke: a second DELETE is told 404 by another process.
        session._retry_connection = False
        server.start()
        try:
            await server.ready(session)
            async with session.get(f"{server.url}{PATH}") as response:
                notes.revision = int(orjson.loads(await response.read())["metadata"]["resourceVersion"])
            existing = orjson.loads(await (await session.get(f"{server.url}{PATH}")).read())["items"]
            assert not existing
            async with anyio.create_task_group() as watching:
                watching.start_soon(watch, session, server, notes)
                for crash in range(CRASHES):
                    notes.stop = False
                    async with anyio.create_task_group() as writing:
                        for writer in range(6):
                            writing.start_soon(write, session, server, notes, 10 * crash + writer)
                        await anyio.sleep(rng.uniform(0.2, 1.0))
                        only_a_worker = processes > 1 and crash % 2 == 1
                        if only_a_worker:
                            server.kill_worker(rng)
                            await anyio.sleep(0.5)  # the others go on
                        else:
                            server.kill()
                        notes.stop = True
                    if not only_a_worker:
                        server.start()
                    await server.ready(session)
                    await check(session, server, notes)
                watching.cancel_scope.cancel()
        finally:
            server.kill()
    await anyio.sleep(0.25)  # aiohttp's connections close after its session
    assert len(notes.acknowledged) > 30 * CRASHES
    for file in tmp_path.glob("state.db*"):
        assert MARKER.encode() not in file.read_bytes()


class Fault:
    """Something dies or stalls, and comes back."""

    KINDS = ("server", "kill", "pause")

    def __init__(self, turn: int, servers: list[Server], etcd: Cluster, rng: random.Random) -> None:
        self.kind = self.KINDS[turn] if turn < len(self.KINDS) else rng.choice(self.KINDS)
        self._server = rng.choice(servers)
        self._member = rng.choice(etcd.members)

    def strike(self) -> None:
        match self.kind:
            case "server":
                self._server.kill()
            case "kill":
                self._member.kill()
            case "pause":
                self._member.pause()

    def heal(self) -> None:
        match self.kind:
            case "server":
                self._server.start()
            case "kill":
                self._member.start()
                self._member.wait()
            case "pause":
                self._member.resume()


@needs_etcd
@pytest.mark.timeout(120 + 30 * CRASHES)
async def test_servers_and_etcd_members_that_fail_lose_nothing_acknowledged(tmp_path: Path) -> None:
    """Two servers on three members; at each turn one of them all fails, while writers go on."""
    rng, notes = random.Random(CRASHES), Notes()
    etcd = make_cluster(tmp_path / "etcd", 3)
    servers = [Server(tmp_path / name, etcd.url) for name in ("one", "two")]
    (tmp_path / "etcd").mkdir()
    for name in ("sa.key", "encryption.yaml"):  # what servers on one storage share
        (servers[1].folder / name).write_bytes((servers[0].folder / name).read_bytes())
    both = Several(servers, rng)
    headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(ssl=both.tls, limit=0)
    timeout = aiohttp.ClientTimeout(total=20)
    kinds: dict[str, int] = {}
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:
        try:
            etcd.start()
            for server in servers:
                server.start()
            await both.ready(session)
            async with session.get(f"{both.url}{PATH}") as response:
                notes.revision = int(orjson.loads(await response.read())["metadata"]["resourceVersion"])
            async with anyio.create_task_group() as watching:
                watching.start_soon(watch, session, both, notes)
                for turn in range(CRASHES):
                    fault = Fault(turn, servers, etcd, rng)
                    kinds[fault.kind] = kinds.get(fault.kind, 0) + 1
                    notes.stop = False
                    async with anyio.create_task_group() as writing:
                        for writer in range(6):
                            writing.start_soon(write, session, both, notes, 10 * turn + writer)
                        await anyio.sleep(rng.uniform(0.2, 1.0))
                        fault.strike()
                        before = len(notes.acknowledged)
                        with anyio.fail_after(20):  # the others go on
                            while len(notes.acknowledged) < before + 20:
                                await anyio.sleep(0.02)
                        fault.heal()
                        await anyio.sleep(rng.uniform(0.0, 0.5))
                        notes.stop = True
                    await both.ready(session)
                    await check(session, both, notes)
                watching.cancel_scope.cancel()
        finally:
            for server in servers:
                server.kill()
            etcd.stop()
    print(f"{CRASHES} faults {kinds}: {len(notes.acknowledged)} acknowledged, {notes.refused} refused")
    assert len(notes.acknowledged) > 30 * CRASHES
