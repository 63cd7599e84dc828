"""What several masters' files say of one another."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from kubepy.apiserver.config import APIServerConfig
from kubepy.cluster import etcd
from kubepy.cluster.balancer import BalancerConfig
from kubepy.cluster.configuration import Configuration, read_topology
from kubepy.cluster.paths import Paths
from kubepy.cluster.supervisor import MachineConfig
from kubepy.cluster.topology import Topology
from kubepy.util import config

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    made = Configuration(Topology(masters=3, workers=1), Paths(tmp_path_factory.mktemp("root")), NOW)
    made.write()
    return made


def names(certificate: Path) -> set[str]:
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    found = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(a) for a in found.get_values_for_type(x509.IPAddress)} | set(
        found.get_values_for_type(x509.DNSName)
    )


def test_each_api_server_asks_the_etcd_member_beside_it_first(laid_out: Configuration) -> None:
    for machine in laid_out.topology.control_plane:
        settings = config.load(APIServerConfig, laid_out.paths.machine_etc(machine.name) / "apiserver.yaml")
        assert settings.storage.startswith(f"etcd://{machine.address}:2379,")
        assert settings.storage.count(":2379") == 3
        assert settings.etcd_cert_file is not None
        assert settings.tls_cert_file is not None
        assert {machine.address, "10.240.0.10", "10.96.0.1", "kubernetes.default.svc"} <= names(
            settings.tls_cert_file
        )


def test_etcd_members_speak_tls_and_ask_for_certificates_of_their_own_authority(
    laid_out: Configuration,
) -> None:
    peers = set()
    for machine in laid_out.topology.control_plane:
        file = laid_out.paths.machine_etc(machine.name) / "etcd.yaml"
        settings = yaml.safe_load(file.read_text())
        peers.add(settings["initial-cluster"])
        for side in ("client-transport-security", "peer-transport-security"):
            assert settings[side]["client-cert-auth"] is True
            assert settings[side]["trusted-ca-file"] == str(laid_out.paths.pki / "etcd/ca.crt")
            assert machine.address in names(Path(settings[side]["cert-file"]))
        assert "http://" not in file.read_text()
        assert settings["enable-grpc-gateway"] is True
        assert Path(settings["data-dir"]) == etcd.data_directory(laid_out.paths, machine)
    assert len(peers) == 1
    cluster_ca = (laid_out.paths.pki / "ca.crt").read_bytes()
    assert (laid_out.paths.pki / "etcd/ca.crt").read_bytes() != cluster_ca


def test_the_balancer_runs_nothing_else_and_knows_every_master(laid_out: Configuration) -> None:
    balancer = laid_out.topology.balancer
    assert balancer is not None
    machine = config.load(MachineConfig, laid_out.machine_file(balancer))
    assert [spec.name for spec in machine.components] == ["balancer"]
    assert machine.mirror_port == 0
    settings = config.load(BalancerConfig, laid_out.paths.machine_etc(balancer.name) / "balancer.yaml")
    assert settings.servers == [f"{m.address}:6443" for m in laid_out.topology.control_plane]
    assert settings.address == "10.240.0.10"


def test_all_kubeconfigs_lead_to_the_balancer(laid_out: Configuration) -> None:
    found = list(laid_out.paths.etc.rglob("*.kubeconfig"))
    assert len(found) > 10
    for path in found:
        clusters = yaml.safe_load(path.read_text())["clusters"]
        assert [c["cluster"]["server"] for c in clusters] == ["https://10.240.0.10:6443"]


def test_the_api_server_waits_for_its_etcd(laid_out: Configuration) -> None:
    machine = config.load(MachineConfig, laid_out.machine_file(laid_out.topology.master))
    assert {spec.name: spec.after for spec in machine.components}["apiserver"] == ["etcd"]


def test_a_second_time_nothing_changes(laid_out: Configuration) -> None:
    before = {machine: laid_out.digest(machine) for machine in laid_out.topology.everything}
    laid_out.write()
    assert {machine: laid_out.digest(machine) for machine in laid_out.topology.everything} == before
    assert read_topology(laid_out.paths) == laid_out.topology


def test_more_processes_of_an_api_server_are_no_other_cluster(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    Configuration(Topology(), paths, NOW).write()
    more = Topology(apiserver_workers=3)
    assert read_topology(paths) == more
    Configuration(more, paths, NOW).write()
    master = paths.machine_etc(more.master.name)
    assert config.load(APIServerConfig, master / "apiserver.yaml").workers == 3
    known = read_topology(paths)
    assert known is not None
    assert known.apiserver_workers == 3


def test_a_cluster_laid_out_before_there_were_several_masters_is_known(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    Configuration(Topology(), paths, NOW).write()
    lines = paths.topology.read_text().splitlines()
    paths.topology.write_text("\n".join(line for line in lines if not line.startswith("masters")))
    assert read_topology(paths) == Topology()
