"""The files of a master: complete, kept when they are right, renewed on demand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kubepy.apiserver.config import APIServerConfig
from kubepy.bootstrap import certs, master, services, settings
from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.mirror import MirrorConfig
from kubepy.bootstrap.settings import ClusterSettings, MasterSettings
from kubepy.cluster.paths import Paths
from kubepy.cluster.topology import TopologyError
from kubepy.kubelet.config import KubeletConfig
from kubepy.util import config
from kubepy.util.clock import SystemClock

WANTED = MasterSettings("box", "192.168.56.10", ClusterSettings())


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(tmp_path)
    master.write(WANTED, found, SystemClock())
    settings.keep(WANTED, settings.master_file(found))
    return found


def contents(paths: Paths) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in paths.etc.rglob("*") if path.is_file()}


def test_each_unit_finds_its_configuration(paths: Paths) -> None:
    for unit in services.MASTER:
        found = services.inputs(paths, unit)
        assert found
        assert all(path.is_file() for path in found)
    apiserver = config.load(APIServerConfig, paths.etc / "apiserver.yaml")
    assert apiserver.advertise_address == "192.168.56.10"
    assert apiserver.tls_cert_file in services.inputs(paths, "kubepy-apiserver")
    assert config.load(KubeletConfig, paths.etc / "kubelet.yaml").node_name == "box"
    assert config.load(MirrorConfig, paths.etc / "image-mirror.yaml").address == "192.168.56.10"


def test_written_again_nothing_changes(paths: Paths) -> None:
    before = contents(paths)
    master.write(WANTED, paths, SystemClock())
    assert contents(paths) == before


def test_renewed_all_certificates_change_and_no_authority(paths: Paths) -> None:
    before = {c.name: (paths.pki / f"{c.name}.crt").read_bytes() for c in certs.check(paths)}
    authorities = {c.name for c in certs.check(paths) if c.authority}
    service_account_key = (paths.pki / "sa.key").read_bytes()
    assert authorities == {"ca", "front-proxy-ca"}
    master.write(WANTED, paths, SystemClock(), certs.EVERY)
    after = {name: (paths.pki / f"{name}.crt").read_bytes() for name in before}
    assert {name for name in before if before[name] == after[name]} == authorities
    assert (paths.pki / "sa.key").read_bytes() == service_account_key
    assert all(c.expires - SystemClock().now() > timedelta(days=360) for c in certs.check(paths))


def test_a_second_init_keeps_what_the_first_was_told(paths: Paths) -> None:
    assert master.settings_for(paths, "box", "", None) == WANTED
    for node_name, address, cluster in (
        ("other", "", None),
        ("box", "192.168.56.11", None),
        ("box", "", ClusterSettings(pod_cidr="10.1.0.0/16")),
    ):
        with pytest.raises(BootstrapError, match="kubepy reset first"):
            master.settings_for(paths, node_name, address, cluster)


def test_a_machine_of_no_cluster_has_no_certificates(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="kubepy init or kubepy join first"):
        certs.check(Paths(tmp_path))


def test_networks_that_overlap_are_refused() -> None:
    for cluster in (ClusterSettings(pod_cidr="192.168.0.0/16"), ClusterSettings(pod_cidr="10.96.0.0/16")):
        with pytest.raises(TopologyError):
            MasterSettings("box", "192.168.56.10", cluster).topology()
