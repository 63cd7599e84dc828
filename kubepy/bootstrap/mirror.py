"""``kubepy image-mirror``: a master's images, for its own containerd and, over TLS, for the workers'."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kubepy.cluster.images.mirror import ImageMirror
from kubepy.cluster.images.oci import ImageLayout
from kubepy.util.clock import Clock

WHILE = 3600.0


@dataclass(frozen=True)
class MirrorConfig:
    """image-mirror.yaml. ``local_port`` is on the loopback device only."""

    images_directory: Path
    local_port: int
    address: str
    port: int
    tls_cert_file: Path
    tls_private_key_file: Path
    log_level: str = "info"


async def run(config: MirrorConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Serve until cancelled."""
    layout = ImageLayout(config.images_directory)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(config.tls_cert_file, config.tls_private_key_file)
    mirrors = [
        ImageMirror(layout, port=config.local_port),
        ImageMirror(layout, config.address, config.port, tls),
    ]
    for mirror in mirrors:
        mirror.start()
    ready()
    try:
        while True:
            await clock.sleep(WHILE)
    finally:
        for mirror in mirrors:
            mirror.stop()
