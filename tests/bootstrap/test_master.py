"""The files of a master: complete, kept when they are right, renewed on demand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from kubepy.apiserver.config import APIServerConfig
from kubepy.bootstrap import certs, master, services, settings, shared_keys
from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.mirror import MirrorConfig
from kubepy.bootstrap.settings import ClusterSettings, MasterSettings, WorkerSettings
from kubepy.cluster.balancer import BalancerConfig
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
    assert "kubepy-etcd" not in services.units_of(WANTED)
    for unit in services.units_of(WANTED):
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


class TestMastersOnEtcd:
    FIRST = MasterSettings("a", "192.168.56.10", ClusterSettings(storage="etcd"))
    SECOND = MasterSettings(
        "b",
        "192.168.56.11",
        FIRST.cluster,
        {"a": "192.168.56.10", "b": "192.168.56.11"},
        ["192.168.56.11:6443", "192.168.56.10:6443"],
    )

    @pytest.fixture
    def first(self, tmp_path: Path) -> Paths:
        found = Paths(tmp_path / "a")
        master.write(self.FIRST, found, SystemClock())
        settings.keep(self.FIRST, settings.master_file(found))
        return found

    @pytest.fixture
    def second(self, first: Paths, tmp_path: Path) -> Paths:
        found = Paths(tmp_path / "b")
        keys = {name: (first.pki / name).read_bytes() for name in shared_keys.FILES}
        shared_keys.write(keys, found)
        master.write(self.SECOND, found, SystemClock())
        settings.keep(self.SECOND, settings.master_file(found))
        return found

    def test_the_first_begins_a_cluster_and_the_second_joins_it(self, first: Paths, second: Paths) -> None:
        one = yaml.safe_load((first.etc / "etcd.yaml").read_text())
        assert (one["initial-cluster-state"], one["initial-cluster"]) == (
            "new",
            "a=https://192.168.56.10:2380",
        )
        two = yaml.safe_load((second.etc / "etcd.yaml").read_text())
        assert two["initial-cluster-state"] == "existing"
        assert two["initial-cluster"] == "a=https://192.168.56.10:2380,b=https://192.168.56.11:2380"
        for paths, address in ((first, "192.168.56.10"), (second, "192.168.56.11")):
            server = config.load(APIServerConfig, paths.etc / "apiserver.yaml")
            assert server.storage == f"etcd://{address}:2379"

    def test_both_have_the_same_authorities_and_keys_of_their_own(self, first: Paths, second: Paths) -> None:
        one, two = (
            {path.relative_to(p.pki): path.read_bytes() for path in p.pki.rglob("*.*")}
            for p in (first, second)
        )
        same = {str(name) for name in one.keys() & two.keys() if one[name] == two[name]}
        assert same == set(shared_keys.FILES)
        assert {c.name for c in certs.check(second) if c.authority} == {"ca", "front-proxy-ca", "etcd/ca"}
        for path in second.pki.rglob("*.key"):
            assert path.stat().st_mode & 0o077 == 0

    def test_written_again_nothing_changes(self, second: Paths) -> None:
        before = contents(second)
        kept = settings.read(MasterSettings, settings.master_file(second))
        assert kept == self.SECOND
        master.write(kept, second, SystemClock())
        assert contents(second) == before

    def test_etcds_certificates_are_renewed_too(self, second: Paths) -> None:
        folder = second.pki / "etcd"
        before = {path.name: path.read_bytes() for path in folder.glob("*.crt")}
        master.write(self.SECOND, second, SystemClock(), certs.EVERY)
        assert {name for name in before if before[name] == (folder / name).read_bytes()} == {"ca.crt"}
        assert "server-b.crt" in before

    def test_nodes_ask_the_balancer_and_masters_their_own_server(self, second: Paths) -> None:
        def server(name: str) -> str:
            document = yaml.safe_load((second.machine_etc("b") / name).read_text())
            return str(document["clusters"][0]["cluster"]["server"])

        assert server("kubelet.kubeconfig") == server("proxy.kubeconfig") == "https://127.0.0.1:6444"
        assert server("scheduler.kubeconfig") == "https://192.168.56.11:6443"
        balancer = config.load(BalancerConfig, second.etc / "balancer.yaml")
        assert (balancer.address, balancer.port) == ("127.0.0.1", 6444)
        assert balancer.servers == self.SECOND.servers
        order = services.units_of(self.SECOND)
        assert order.index("kubepy-etcd") < order.index("kubepy-apiserver")
        assert order.index("kubepy-balancer") < order.index("kubepy-kubelet")

    def test_a_worker_has_the_balancer_and_nothing_of_a_master(self) -> None:
        worker = WorkerSettings("w", "192.168.56.101", "https://192.168.56.10:6443", self.FIRST.cluster)
        assert worker.node_server == "https://127.0.0.1:6444"
        assert services.units_of(worker) == (
            "containerd",
            "kubepy-balancer",
            "kubepy-kubelet",
            "kubepy-proxy",
        )
        alone = replace(worker, cluster=ClusterSettings())
        assert alone.node_server == alone.server
        assert services.units_of(alone) == ("containerd", "kubepy-kubelet", "kubepy-proxy")
