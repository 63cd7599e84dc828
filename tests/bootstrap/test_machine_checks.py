"""A machine that will not do is told so, and what to do about it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kubepy.bootstrap import machine_checks as checks
from kubepy.bootstrap.errors import BootstrapError


def test_memory(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:         262144 kB\nMemFree: 1 kB\n")
    checks.check_memory(256 * checks.MIB, meminfo)
    with pytest.raises(BootstrapError, match=r"has 256 MiB of memory and needs 900: give it more"):
        checks.check_memory(checks.MASTER_MEMORY, meminfo)


def test_a_processor_that_is_too_old(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse2 ssse3 cx16 sse4_1 sse4_2 popcnt\n")
    checks.check_processor(cpuinfo)
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse2 cx16 ssse3\n")
    with pytest.raises(BootstrapError, match=r"processor lacks popcnt, sse4_1, sse4_2.*Nehalem"):
        checks.check_processor(cpuinfo)
    cpuinfo.write_text("processor\t: 0\nFeatures\t: fp asimd\n")
    checks.check_processor(cpuinfo)  # another architecture: its wheels ask for nothing special


def test_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    checks.check_disk(tmp_path / "a/b", 1)
    with pytest.raises(BootstrapError, match="make room or give this machine a larger disk"):
        checks.check_disk(tmp_path / "a/b", 1 << 60)


@pytest.mark.parametrize("name", ["w1-k8s", "w1.example.org"])
def test_names_that_are_fine(name: str) -> None:
    checks.check_name(name)


@pytest.mark.parametrize("name", ["W1", "w_1", "localhost", ""])
def test_names_that_no_node_may_have(name: str) -> None:
    with pytest.raises(BootstrapError, match="hostnamectl set-hostname"):
        checks.check_name(name)


def test_addresses() -> None:
    checks.check_address("127.0.0.1")
    with pytest.raises(BootstrapError, match=r"192\.0\.2\.7 is not an address of this machine"):
        checks.check_address("192.0.2.7")
    with pytest.raises(BootstrapError, match="is no IP address"):
        checks.check_address("here")


def test_a_port_in_use_names_who_needs_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            BootstrapError, match=rf"port {port}, which the kubelet needs, is in use.*stop what"
        ):
            checks.check_ports([("the kubelet", port)])
    checks.check_ports([("the kubelet", port)])
