"""kubepy.testing comes where there is no Linux."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
for name in ("pyroute2", "iptc", "inotify", "grpc", "cri_api", "containerd"):
    sys.modules[name] = None
import anyio
from kubepy.testing import Cluster

async def main():
    async with Cluster() as cluster:
        assert cluster.nodes

anyio.run(main)
loaded = [name for name in sys.modules if name.startswith(("kubepy.cni", "kubepy.netfilter", "kubepy.cri"))]
assert not loaded, loaded
"""


def test_nothing_that_only_linux_has_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_plugin_costs_a_run_without_clusters_nothing() -> None:
    program = (
        "import sys, kubepy.testing.plugin; assert not [m for m in sys.modules if m.startswith('aiohttp')]"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
