"""Serves an image layout to containerd as a read-only registry (OCI distribution specification, pull).

containerd asks it first for every name on docker.io and localhost; what it does not hold is a 404,
and containerd goes on to the real registry.
"""

from __future__ import annotations

import json
import re
import shutil
import ssl
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from kubepy.cluster.images.oci import MANIFEST, ImageLayout

ROUTE = re.compile(
    r"/v2/(?P<name>.+)/(?P<what>manifests|blobs)/(?P<reference>[^/?]+)(?:\?ns=(?P<host>[^&]+))?"
)


class ImageMirror:
    """A registry on ``address``:``port`` (0: any free one), answering from threads of its own.

    With ``tls`` it serves other machines; without, whoever is on this one.
    """

    def __init__(
        self,
        layout: ImageLayout,
        address: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        handler = type("Handler", (_Handler,), {"layout": layout})
        self._server = ThreadingHTTPServer((address, port), handler)
        self._server.daemon_threads = True
        if tls is not None:
            # The handshake is the handler's thread's business: a client that stalls in it holds up nobody.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, name="image-mirror", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    layout: ImageLayout
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def _answer(self, *, send_body: bool) -> None:
        if self.path.rstrip("/") == "/v2":
            self._send_json(HTTPStatus.OK, b"{}", send_body)
            return
        match = ROUTE.fullmatch(self.path)
        found = self._find(match) if match else None
        if found is None:
            error = {"errors": [{"code": "NAME_UNKNOWN", "message": "not held by this mirror"}]}
            self._send_json(HTTPStatus.NOT_FOUND, json.dumps(error).encode(), send_body)
            return
        path, media_type = found
        with path.open("rb") as blob:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.send_header("Docker-Content-Digest", f"sha256:{path.name}")
            self.end_headers()
            if send_body:
                shutil.copyfileobj(blob, self.wfile, 1 << 20)

    def _find(self, match: re.Match[str]) -> tuple[Path, str] | None:
        reference = match["reference"]
        if reference.startswith("sha256:"):
            if not re.fullmatch(r"sha256:[0-9a-f]{64}", reference):
                return None
            path = self.layout.blob(reference)
            media_type = MANIFEST if match["what"] == "manifests" else "application/octet-stream"
            return (path, media_type) if path.is_file() else None
        descriptor = self.layout.references().get(
            f"{match['host'] or 'docker.io'}/{match['name']}:{reference}"
        )
        return (self.layout.blob(descriptor["digest"]), MANIFEST) if descriptor else None

    def _send_json(self, status: HTTPStatus, body: bytes, send_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if send_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are containerd's business; its own log tells of failures."""
