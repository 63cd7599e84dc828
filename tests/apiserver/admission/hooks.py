"""A webhook server over HTTPS whose answers a test writes as functions of the request."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def certificate(folder: Path, *names: str) -> tuple[Path, bytes]:
    """A self-signed server certificate with its key in one file; and its PEM to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhook")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, names)]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "webhook.pem"
    file.write_bytes(made + private)
    return file, made


class HookServer:
    """Paths are answered by the functions in `answers`; every request is kept in `requests`."""

    def __init__(self, port: int, ca: bytes) -> None:
        self.port = port
        self.ca_bundle = base64.b64encode(ca).decode()
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.connections: set[Any] = set()
        self.delay = 0.0
        self.status = 200

    def client_config(self, path: str) -> dict[str, Any]:
        return {"url": f"https://127.0.0.1:{self.port}{path}", "caBundle": self.ca_bundle}

    def called(self, path: str) -> list[dict[str, Any]]:
        return [request for at, request in self.requests if at == path]

    async def handle(self, request: web.Request) -> web.Response:
        self.connections.add(request.transport)
        review = orjson.loads(await request.read())
        self.requests.append((request.path, review["request"]))
        await asyncio.sleep(self.delay)
        if self.status != 200:
            return web.Response(status=self.status, text="out of order")
        response = {"uid": review["request"]["uid"], **self.answers[request.path](review["request"])}
        return web.json_response({**review, "request": None, "response": response})


@asynccontextmanager
async def hook_server(folder: Path, *names: str) -> AsyncIterator[HookServer]:
    file, ca = certificate(folder, *names)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(file)
    server = HookServer(0, ca)
    app = web.Application()
    app.router.add_post("/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """An answer that allows and changes."""
    encoded = base64.b64encode(orjson.dumps(list(operations))).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}


def allow(request: dict[str, Any]) -> dict[str, Any]:
    return {"allowed": True}


def rule(*resources: str, operations: tuple[str, ...] = ("CREATE",), **more: Any) -> dict[str, Any]:
    return {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": list(operations),
        "resources": list(resources),
        **more,
    }


def webhook(name: str, client_config: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "clientConfig": client_config,
        "rules": [rule("configmaps")],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        **fields,
    }


def configuration(name: str, *webhooks: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "webhooks": list(webhooks)}


MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
