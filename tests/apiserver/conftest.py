"""A server on a loopback port with certificates of its own, and a client for each kind of caller."""

from __future__ import annotations

import base64
import io
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from kubepy.apiserver.run import sealed
from kubepy.apiserver.server import APIServer
from kubepy.apiserver.storage import open_storage
from kubepy.util.clock import SystemClock

from .pki import Authority


@dataclass
class Keys:
    """Files that every test of the session shares."""

    folder: Path
    ca: Authority
    server: tuple[Path, Path]
    service_account: Path
    clients: dict[str, tuple[Path, Path]] = field(default_factory=dict)

    def client(self, name: str, *groups: str) -> tuple[Path, Path]:
        key = "_".join((name, *groups)).replace(":", "_")
        if key not in self.clients:
            self.clients[key] = self.ca.issue(key, name, *groups)
        return self.clients[key]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("pki")
    ca = Authority(folder)
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "sa.key").write_bytes(key)
    return Keys(folder, ca, ca.issue("server", "kube-apiserver", server=True), folder / "sa.key")


class Answer:
    """A response, read."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])


class Client:
    """Requests of one caller."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session, self.base = session, base

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data: Any = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        sent = {"Content-Type": "application/json"} if data else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = io.BytesIO(data) if data else None
        async with self.session.request(method, self.base + path, data=data, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.request("GET", path, None, **headers)

    async def post(self, path: str, body: Any, **headers: str) -> Answer:
        return await self.request("POST", path, body, **headers)

    async def put(self, path: str, body: Any, **headers: str) -> Answer:
        return await self.request("PUT", path, body, **headers)

    async def delete(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.request("DELETE", path, body, **headers)

    async def patch(self, path: str, body: Any, kind: str = "merge") -> Answer:
        types = {"merge": "merge-patch", "json": "json-patch", "strategic": "strategic-merge-patch"}
        return await self.request("PATCH", path, body, Content_Type=f"application/{types[kind]}+json")

    @asynccontextmanager
    async def watch(self, path: str, **headers: str) -> AsyncIterator[Events]:
        async with self.session.get(self.base + path, headers=headers) as response:
            assert response.status == 200, await response.text()
            yield Events(response)


class Events:
    """The events of a watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> Any:
        with anyio.fail_after(5):
            line = await self.response.content.readline()
        if not line:
            raise EOFError
        return orjson.loads(line)

    async def take(self, count: int) -> list[tuple[str, str]]:
        events = [await self.next() for _ in range(count)]
        return [(e["type"], e["object"]["metadata"].get("name", "")) for e in events]


class Cluster:
    """A running server and its callers."""

    def __init__(self, server: APIServer, keys: Keys) -> None:
        self.server, self.keys = server, keys
        self.base = f"https://127.0.0.1:{server.port}"
        self._sessions: list[aiohttp.ClientSession] = []

    def client(self, name: str = "", *groups: str, token: str = "") -> Client:
        tls = ssl.create_default_context(cafile=str(self.keys.ca.file))
        if name:
            tls.load_cert_chain(*self.keys.client(name, *groups))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connector = aiohttp.TCPConnector(ssl=tls, limit=0)
        session = aiohttp.ClientSession(connector=connector, headers=headers)
        self._sessions.append(session)
        return Client(session, self.base)

    @property
    def admin(self) -> Client:
        return self.client("kubernetes-admin", "system:masters")

    def kubeconfig(self, folder: Path, name: str = "kubernetes-admin", *groups: str) -> Path:
        def text(path: Path) -> str:
            return base64.b64encode(path.read_bytes()).decode()

        certificate, key = self.keys.client(name, *(groups or ("system:masters",)))
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "c",
                    "cluster": {
                        "server": self.base,
                        "certificate-authority-data": text(self.keys.ca.file),
                    },
                }
            ],
            "users": [
                {
                    "name": "u",
                    "user": {"client-certificate-data": text(certificate), "client-key-data": text(key)},
                }
            ],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path = folder / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    async def aclose(self) -> None:
        for session in self._sessions:
            await session.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(keys: Keys, storage: str = "memory", **options: Any) -> AsyncIterator[Cluster]:
    clock = SystemClock()
    config = APIServerConfig(
        bind_address="127.0.0.1",
        secure_port=free_port(),
        storage=storage,
        tls_cert_file=keys.server[0],
        tls_private_key_file=keys.server[1],
        client_ca_file=keys.ca.file,
        service_account_signing_key_file=keys.service_account,
        **options,
    )
    backend = sealed(await open_storage(config, clock), config)
    server = APIServer(config, clock, backend)
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            cluster = Cluster(server, keys)
            try:
                yield cluster
            finally:
                await cluster.aclose()
                tasks.cancel_scope.cancel()
    finally:
        await backend.aclose()


@pytest.fixture
async def cluster(keys: Keys) -> AsyncIterator[Cluster]:
    async with running(keys) as made:
        yield made


@pytest.fixture
async def admin(cluster: Cluster) -> Client:
    return cluster.admin


def config_map(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "data": {"k": "v"}}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "busybox"}], **spec}}


CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


async def make_default_account(client: Client) -> None:
    answer = await client.post(
        "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}}
    )
    assert answer.status == 201, answer.body
