"""Against the kernel, in a network namespace of its own."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

PROGRAM = """
import sys, subprocess
from kubepy.cni import PeerNode
from kubepy.cni.routes import HostGatewayRoutes, VxlanRoutes
def routes():
    out = subprocess.run(["ip", "-4", "route", "show", "proto", "75"], capture_output=True, text=True).stdout
    return sorted(" ".join(line.split()[:3]) for line in out.splitlines())
w2 = PeerNode("w2", "10.99.0.2", ("10.244.2.0/24",))
w3 = PeerNode("w3", "10.99.0.3", ("10.244.3.0/24",))
backend = HostGatewayRoutes()
backend.sync([w2, w3])
assert routes() == ["10.244.2.0/24 via 10.99.0.2", "10.244.3.0/24 via 10.99.0.3"], routes()
HostGatewayRoutes().sync([PeerNode("w3", "10.99.0.9", ("10.244.3.0/24",))])
assert routes() == ["10.244.3.0/24 via 10.99.0.9"], routes()
try:
    backend.sync([PeerNode("far", "192.0.2.1", ("10.244.8.0/24",)), w2])
except OSError as error:
    assert "192.0.2.1" in str(error)
else:
    raise AssertionError("an unreachable gateway must be told")
assert "10.244.2.0/24 via 10.99.0.2" in routes(), routes()
backend.sync([])
assert routes() == []
vxlan = VxlanRoutes("10.99.0.1", ["10.244.1.0/24"])
vxlan.sync([w2, w3])
assert routes() == ["10.244.2.0/24 via 10.244.2.0", "10.244.3.0/24 via 10.244.3.0"], routes()
fdb = subprocess.run(["bridge", "fdb", "show", "dev", "kubepy.vxlan"], capture_output=True, text=True).stdout
assert "dst 10.99.0.2" in fdb and "dst 10.99.0.3" in fdb, fdb
vxlan.sync([w2])
fdb = subprocess.run(["bridge", "fdb", "show", "dev", "kubepy.vxlan"], capture_output=True, text=True).stdout
assert "dst 10.99.0.2" in fdb and "dst 10.99.0.3" not in fdb, fdb
"""


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"kubepy-test-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for command in (
            "link set lo up",
            "link add eth0 type bridge",
            "addr add 10.99.0.1/24 dev eth0",
            "link set eth0 up",
        ):
            subprocess.run(["ip", "-n", name, *command.split()], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_routes_follow_the_nodes(namespace: str) -> None:
    command = ["nsenter", f"--net=/run/netns/{namespace}", sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
