"""TLS with a private CA and client certificates, as every component of a cluster connects."""

import datetime
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.machinery.gvk import GVR
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio

NODES = GVR("", "v1", "nodes")


class Authority:
    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-ca")])
        self.certificate = (
            self.builder(self.name, self.key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(hours=1))
        )

    def issue(self, common_name: str, host: str = "") -> tuple[bytes, bytes]:
        """For the loopback, or for a host's name instead."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        address = x509.DNSName(host) if host else x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        names = x509.SubjectAlternativeName([address])
        certificate = self.builder(subject, key).add_extension(names, critical=False)
        return (
            certificate.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )


@asynccontextmanager
async def serving(authority: Authority, folder: Path, host: str = "") -> AsyncIterator[str]:
    """A server that tells each client who it is, and wants a certificate; its URL."""
    cert, key = authority.issue("server", host)
    (folder / "ca").write_bytes(authority.pem)
    (folder / "cert").write_bytes(cert)
    (folder / "key").write_bytes(key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "cert", folder / "key")

    async def whoami(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade"):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str("hello")
            return socket
        peer = request.get_extra_info("peercert")
        answer = {"subject": peer["subject"][0][0][1]}
        if token := request.headers.get("Authorization"):
            answer["token"] = token
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/{path:.*}", whoami)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_client_certificate_and_private_ca(tmp_path: Path) -> None:
    authority = Authority()
    cert, key = authority.issue("system:node:w1")
    async with serving(authority, tmp_path) as server:
        config = ClientConfig(server=server, ca_data=authority.pem, cert_data=cert, key_data=key)
        async with Client(config) as client:
            assert await client.get(NODES, "x") == {"subject": "system:node:w1"}
        async with Client(
            ClientConfig(server=server, ca_data=Authority().pem, cert_data=cert, key_data=key)
        ) as other:
            with pytest.raises(ConnectionFailed, match="certificate verify failed"):
                await other.get(NODES, "x")


async def test_the_server_may_have_another_name_in_its_certificate(tmp_path: Path) -> None:
    authority = Authority()
    cert, key = authority.issue("client")
    async with serving(authority, tmp_path, "kubernetes.example") as server:
        config = ClientConfig(server=server, ca_data=authority.pem, cert_data=cert, key_data=key)
        async with Client(config) as client:
            with pytest.raises(ConnectionFailed, match="IP address mismatch"):
                await client.get(NODES, "x")
        async with Client(replace(config, tls_server_name="kubernetes.example")) as client:
            assert await client.get(NODES, "x") == {"subject": "client"}
            async with client.websocket("/exec") as socket:
                assert await socket.receive_str() == "hello"


@pytest.mark.parametrize("token", ["", "t"])
async def test_a_plugin_may_give_a_client_certificate_and_later_another(tmp_path: Path, token: str) -> None:
    authority, clock = Authority(), FakeClock()
    answer = tmp_path / "answer.json"

    def issue(name: str, ends: str) -> None:
        cert, key = authority.issue(name)
        status = {
            "token": token,
            "clientCertificateData": cert.decode(),
            "clientKeyData": key.decode(),
            "expirationTimestamp": ends,
        }
        answer.write_text(json.dumps({"kind": "ExecCredential", "status": status}))

    plugin = {"command": "cat", "args": [str(answer)]}
    seen = {"token": f"Bearer {token}"} if token else {}
    async with serving(authority, tmp_path) as server:
        config = ClientConfig(server=server, ca_data=authority.pem, exec_plugin=plugin)
        async with Client(config, clock=clock) as client:
            issue("first", "2026-01-01T01:00:00Z")
            assert await client.get(NODES, "x") == {"subject": "first", **seen}
            issue("second", "2026-01-01T02:00:00Z")
            assert await client.get(NODES, "x") == {"subject": "first", **seen}
            clock.advance(3600)
            assert await client.get(NODES, "x") == {"subject": "second", **seen}
