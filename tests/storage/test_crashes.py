"""kill -9 of a real API server under write load: what was acknowledged stays, what was not is whole or absent.

KUBEPY_CRASHES says how many times (4); hundreds are for a patient machine.
"""

import os
import random
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

pytestmark = pytest.mark.anyio

CRASHES = int(os.environ.get("KUBEPY_CRASHES", "4"))
PATH = "/api/v1/namespaces/default/configmaps"
MARKER = "written-by-the-crash-test"
LOST = (aiohttp.ClientError, OSError, TimeoutError)
GONE = "gone"


class Server:
    """`kubepy apiserver` on a loopback port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
            storage=f"sqlite://{folder}/state.db",
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


@dataclass
class Notes:
    """What clients were told. `state`: name to the value it has, or GONE; `doubt`: what may be so besides."""

    state: dict[str, str] = field(default_factory=dict)
    doubt: dict[str, str] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)
    events: list[tuple[str, str, int]] = field(default_factory=list)
    revision: int = 0
    stop: bool = False


def config_map(name: str, value: str) -> bytes:
    return orjson.dumps({"metadata": {"name": name}, "data": {"first": value, "second": value, "by": MARKER}})


async def write(session: aiohttp.ClientSession, server: Server, notes: Notes, writer: int) -> None:
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
                assert response.status in (200, 201), answer
        except LOST:
            notes.doubt[name] = wanted
            await anyio.sleep(0.05)
            continue
        notes.state[name] = wanted
        if verb != "DELETE":
            notes.acknowledged.add(int(answer["metadata"]["resourceVersion"]))


async def watch(session: aiohttp.ClientSession, server: Server, notes: Notes) -> None:
    while True:
        query = f"?watch=1&allowWatchBookmarks=true&resourceVersion={notes.revision}"
        try:
            async with session.get(f"{server.url}{PATH}{query}", timeout=aiohttp.ClientTimeout()) as response:
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


async def check(session: aiohttp.ClientSession, server: Server, notes: Notes) -> None:
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
async def test_a_server_killed_under_load_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    server, notes, rng = Server(tmp_path), Notes(), random.Random(CRASHES)
    headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(ssl=server.tls, limit=0)
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:
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
                        server.kill()
                        notes.stop = True
                    server.start()
                    await server.ready(session)
                    await check(session, server, notes)
                watching.cancel_scope.cancel()
        finally:
            server.kill()
    assert len(notes.acknowledged) > 30 * CRASHES
    for file in tmp_path.glob("state.db*"):
        assert MARKER.encode() not in file.read_bytes()
