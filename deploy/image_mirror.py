"""Serves this machine's images to its containerd, as `kubepy up` does for its machines.

usage: image_mirror.py FOLDER    an OCI image layout, /var/lib/kubepy/images on a machine
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from kubepy.cluster.configuration import MIRROR_PORT
from kubepy.cluster.images.mirror import ImageMirror
from kubepy.cluster.images.oci import ImageLayout
from kubepy.util.ready import notify_ready


def main() -> None:
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    ImageMirror(ImageLayout(Path(sys.argv[1])), port=MIRROR_PORT).start()
    notify_ready()
    signal.sigwait(signals)


if __name__ == "__main__":
    main()
