"""Whom a machine trusts that knows a token and a hash: a server of ours lies to it in every way."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepy.bootstrap import discovery, invitation
from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.settings import ClusterSettings
from kubepy.cluster.pki import Identity, Pki
from kubepy.controllers.bootstrap.tokens import Token, detached_signature
from kubepy.util.clock import SystemClock

TOKEN = "abcdef.0123456789abcdef"
SIGNER = Token("abcdef", "0123456789abcdef", True, None)


class Server:
    """Serves ``data`` as cluster-info, at ``now``."""

    def __init__(self, folder: Path) -> None:
        pki = Pki(folder, SystemClock().now())
        pair = pki.ensure(
            "apiserver", Identity("kube-apiserver", (), (), ("127.0.0.1",), server=True, client=False)
        )
        self.ca = pki.ca.certificate.read_bytes()
        self.data: dict[str, str] = {}
        self.now = datetime.now(UTC)
        self.code = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert self.path == discovery.PATH
                assert "Authorization" not in self.headers, "the token must not go to a stranger"
                self.send_response_only(outer.code)
                self.send_header("Date", format_datetime(outer.now, usegmt=True))
                self.end_headers()
                self.wfile.write(json.dumps({"data": outer.data}).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.endpoint = f"127.0.0.1:{self._server.server_address[1]}"
        self.invite(self.ca)

    def invite(self, ca: bytes, signer: Token = SIGNER) -> None:
        """cluster-info as `kubepy init` makes it, signed as the controller does."""
        server = f"https://{self.endpoint}"
        manifest = invitation.objects(ClusterSettings(), server, base64.b64encode(ca).decode())[0]
        text = manifest["data"]["kubeconfig"]
        self.data = {"kubeconfig": text, f"jws-kubeconfig-{signer.id}": detached_signature(text, signer)}

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    yield found
    found.close()


def discover(server: Server, token: str = TOKEN, *hashes: str) -> discovery.Discovered:
    wanted = list(hashes) or [invitation.ca_hash(server.ca)]
    return discovery.discover(server.endpoint, token, wanted, SystemClock())


def test_a_genuine_cluster_is_trusted(server: Server) -> None:
    assert discover(server) == discovery.Discovered(server.ca, f"https://{server.endpoint}")


def test_one_of_several_hashes_is_enough(server: Server) -> None:
    assert discover(server, TOKEN, f"sha256:{'0' * 64}", invitation.ca_hash(server.ca)).ca == server.ca


def test_without_a_hash_nobody_is_trusted(server: Server) -> None:
    with pytest.raises(BootstrapError, match="would trust whoever answers"):
        discovery.discover(server.endpoint, TOKEN, [], SystemClock())


def test_another_authority_is_refused(server: Server) -> None:
    with pytest.raises(BootstrapError, match="is this the right cluster"):
        discover(server, TOKEN, f"sha256:{'0' * 64}")


def test_a_server_that_the_authority_does_not_vouch_for_is_refused(server: Server, tmp_path: Path) -> None:
    genuine = Pki(tmp_path / "other", SystemClock().now()).ca.certificate.read_bytes()
    server.invite(genuine)
    with pytest.raises(BootstrapError, match="certificate verify failed"):
        discover(server, TOKEN, invitation.ca_hash(genuine))


def test_a_kubeconfig_that_was_tampered_with_is_refused(server: Server) -> None:
    document = yaml.safe_load(server.data["kubeconfig"])
    document["clusters"][0]["cluster"]["server"] = "https://192.0.2.66:6443"
    server.data["kubeconfig"] = yaml.safe_dump(document)
    with pytest.raises(BootstrapError, match="second half is not that of the token abcdef"):
        discover(server)


def test_an_unknown_or_expired_token_is_told_what_to_do(server: Server) -> None:
    with pytest.raises(BootstrapError, match=r"knows no token with the id zzzzzz.*kubepy token create"):
        discover(server, "zzzzzz.0123456789abcdef")


def test_a_wrong_secret(server: Server) -> None:
    with pytest.raises(BootstrapError, match="second half"):
        discover(server, "abcdef.0000000000000000")


@pytest.mark.parametrize(("seconds", "side"), [(3600, "3600 s behind"), (-3600, "3600 s ahead of")])
def test_a_clock_that_is_wrong(server: Server, seconds: int, side: str) -> None:
    server.now += timedelta(seconds=seconds, milliseconds=500)
    with pytest.raises(BootstrapError, match=r"clock is .* API server's.*timedatectl set-ntp true") as caught:
        discover(server)
    assert side in str(caught.value) or side.replace("3600", "3599") in str(caught.value)


def test_a_server_that_invites_nobody(server: Server) -> None:
    server.code = 404
    with pytest.raises(BootstrapError, match=r"does not invite anybody \(HTTP 404\): run kubepy init"):
        discover(server)


def test_nobody_there() -> None:
    with pytest.raises(BootstrapError, match="does not answer"):
        discovery.discover("127.0.0.1:1", TOKEN, ["sha256:0"], SystemClock())


@pytest.mark.parametrize("endpoint", ["master", "master:", ":6443", "https://master"])
def test_what_is_no_endpoint(endpoint: str) -> None:
    with pytest.raises(BootstrapError, match="is no HOST:PORT"):
        discovery.discover(endpoint, TOKEN, ["sha256:0"], SystemClock())
