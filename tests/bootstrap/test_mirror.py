"""A master's images are there for its own machine, and for others over TLS only."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from kubepy.bootstrap.mirror import MirrorConfig, run
from kubepy.cluster.images.oci import Entry, Image, ImageLayout
from kubepy.cluster.pki import Identity, Pki
from kubepy.util.clock import SystemClock

pytestmark = pytest.mark.anyio
MANIFEST = "/v2/pause/manifests/1?ns=localhost"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def ask(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


async def test_both_doors(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "images")
    (tmp_path / "images").mkdir()
    layout.add(Image(("localhost/pause:1",), ((Entry("pause", content=b"x"),),)))
    pki = Pki(tmp_path / "pki", SystemClock().now())
    pair = pki.ensure("mirror", Identity("mirror", (), (), ("127.0.0.1",), server=True, client=False))
    config = MirrorConfig(
        tmp_path / "images", free_port(), "127.0.0.1", free_port(), pair.certificate, pair.key
    )
    ready = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: run(config, SystemClock(), ready=ready.set))
        await ready.wait()
        trusted = ssl.create_default_context(cafile=str(pki.ca.certificate))

        def requests() -> None:
            assert ask(http.client.HTTPConnection("127.0.0.1", config.local_port, timeout=5), MANIFEST) == 200
            secure = http.client.HTTPSConnection("127.0.0.1", config.port, timeout=5, context=trusted)
            assert ask(secure, MANIFEST) == 200
            assert ask(secure, "/v2/other/manifests/1?ns=localhost") == 404
            strangers = ssl.create_default_context()
            with pytest.raises(ssl.SSLCertVerificationError):
                ask(
                    http.client.HTTPSConnection("127.0.0.1", config.port, timeout=5, context=strangers), "/v2"
                )
            with pytest.raises((http.client.HTTPException, OSError)):
                ask(http.client.HTTPConnection("127.0.0.1", config.port, timeout=5), MANIFEST)

        await to_thread.run_sync(requests)
        group.cancel_scope.cancel()
