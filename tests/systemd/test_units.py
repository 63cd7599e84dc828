"""The units are sound, and start what `kubepy up` starts."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kubepy.cluster.configuration import Configuration
from kubepy.cluster.paths import Paths
from kubepy.cluster.supervisor import MachineConfig
from kubepy.cluster.topology import Topology
from kubepy.cmd.main import COMMANDS
from kubepy.util import config
from kubepy.util.clock import SystemClock

CHECKOUT = Path(__file__).resolve().parents[2]
ALL_UNITS = sorted((CHECKOUT / "systemd").glob("kubepy-*.service"))
PREFIX = "/opt/kubepy/.venv/bin/kubepy "
ETCD = CHECKOUT / "systemd/kubepy-etcd.service"
# What a timer starts is no component, and etcd is not ours.
UNITS = [path for path in ALL_UNITS if not path.with_suffix(".timer").exists() and path != ETCD]


def unit(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(path)
    return parser


def command(path: Path) -> list[str]:
    """The arguments behind `kubepy`."""
    line = unit(path)["Service"]["ExecStart"]
    assert line.startswith(PREFIX), line
    return line.removeprefix(PREFIX).split()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_the_command_is_one_of_kubepy_and_reads_its_own_configuration(path: Path) -> None:
    name, *rest = command(path)
    assert name in COMMANDS
    assert path.name == f"kubepy-{name}.service"
    assert rest == ["--config", f"/etc/kubepy/{name}.yaml"]


def test_a_unit_starts_each_component_just_as_the_supervisor_does(tmp_path: Path) -> None:
    topology = Topology(masters=3, workers=0)
    configuration = Configuration(topology, Paths(tmp_path), SystemClock().now())
    configuration.write()
    assert topology.balancer is not None
    supervised = {
        spec.name: spec.command
        for machine in (topology.master, topology.balancer)
        for spec in config.load(MachineConfig, configuration.machine_file(machine)).components
        if spec.name not in ("containerd", "etcd")
    }
    by_unit = {path.stem.removeprefix("kubepy-"): command(path) for path in UNITS}
    # The supervisor of a machine serves its images itself.
    del by_unit["image-mirror"]
    assert by_unit.keys() == supervised.keys()
    for name, arguments in supervised.items():
        program, *own = arguments[arguments.index("kubepy") + 1 :]
        unit_program, *of_unit = by_unit[name]
        assert (program, own[0], Path(own[1]).name) == (unit_program, of_unit[0], Path(of_unit[1]).name)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_each_is_told_ready_restarted_and_accounted(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert int(service["WatchdogSec"]) >= 30
    assert unit(path)["Unit"]["StartLimitBurst"]
    assert int(service["LimitNOFILE"]) >= 65536
    assert {service[f"{what}Accounting"] for what in ("CPU", "Memory", "IO", "Tasks")} == {"yes"}


def test_etcd_is_given_all_the_time_it_needs_to_find_the_others() -> None:
    service = unit(ETCD)["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert service["TimeoutStartSec"] == "infinity"
    assert service["ExecStart"] == "/usr/bin/etcd --config-file /etc/kubepy/etcd.yaml"
    apiserver = unit(CHECKOUT / "systemd/kubepy-apiserver.service")["Unit"]
    assert "kubepy-etcd.service" in apiserver["After"].split()
    assert "kubepy-etcd.service" not in apiserver.get("Requires", "")


def test_a_kubelet_that_stops_leaves_containers_running() -> None:
    parsed = unit(CHECKOUT / "systemd/kubepy-kubelet.service")
    assert parsed["Service"]["KillMode"] == "process"
    assert parsed["Service"]["Delegate"] == "yes"
    assert "containerd.service" in parsed["Unit"]["After"].split()


def test_a_kubelet_shares_the_mount_namespace_of_containerd() -> None:
    service = unit(CHECKOUT / "systemd/kubepy-kubelet.service")["Service"]
    own_namespace = ("Protect", "Private", "ReadOnly", "ReadWrite", "Inaccessible", "TemporaryFileSystem")
    assert not [key for key in service if key.startswith(own_namespace)]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    program = tmp_path / "kubepy"
    program.write_text(f"#!{sys.executable}\n")
    program.chmod(0o755)
    # A stand-in, so that what is not installed here is not what is found wrong.
    containerd = tmp_path / "containerd.service"
    containerd.write_text("[Service]\nExecStart=/bin/true\n")
    (tmp_path / "etcd.service").write_text("[Service]\nExecStart=/bin/true\n")
    copies = []
    for path in [*ALL_UNITS, *(CHECKOUT / "systemd").glob("*.timer")]:
        copy = tmp_path / path.name
        copy.write_text(
            path.read_text().replace(PREFIX, f"{program} ").replace("/usr/bin/etcd", str(program))
        )
        copies.append(copy)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, copies)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "kubepy" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


def test_systemd_would_find_something_wrong(tmp_path: Path) -> None:
    """The check above can fail: a key that does not exist is reported."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    broken = tmp_path / "kubepy-broken.service"
    broken.write_text("[Service]\nExecStart=/bin/true\nRestartt=always\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(broken)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Restartt" in done.stderr
