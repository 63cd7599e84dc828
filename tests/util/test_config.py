from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from kubepy.util import config


@dataclass(frozen=True)
class Tls:
    cert_file: Path
    ciphers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sample:
    cluster_cidr: str = "10.244.0.0/16"
    period: float = 5.0
    port: int = 6443
    leader_elect: bool = False
    mode: Literal["iptables", "nftables"] = "iptables"
    tls: Tls | None = None
    node_labels: dict[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.port > 65535:
            raise ValueError("port must be at most 65535")


def test_reads_nested_values_and_writes_them_back(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "clusterCidr: 10.0.0.0/8\nperiod: 3\nleaderElect: true\nmode: nftables\n"
        "tls: {certFile: /a.crt, ciphers: [x]}\nnodeLabels: {a: b}\naddresses: ['::1']\n"
    )
    sample = config.load(Sample, path)
    assert sample == Sample(
        "10.0.0.0/8", 3.0, 6443, True, "nftables", Tls(Path("/a.crt"), ["x"]), {"a": "b"}, ("::1",)
    )
    assert config.loads(Sample, config.dump(sample)) == sample


def test_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("# nothing\n")
    assert config.load(Sample, path) == Sample()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cluster_cidr: x", "f: unknown key cluster_cidr; allowed here: addresses, clusterCidr, leaderElect"),
        ("tls: {certFile: /a, cipher: x}", "f: unknown key tls.cipher; allowed here: certFile, ciphers"),
        ("tls: {}", "f: missing key tls.certFile"),
        ("port: '6443'", "f: port: expected an integer, got '6443'"),
        ("port: true", "f: port: expected an integer, got true"),
        ("leaderElect: 1", "f: leaderElect: expected true or false, got 1"),
        ("mode: ipvs", "f: mode: expected one of iptables, nftables, got ipvs"),
        ("nodeLabels: [a]", "f: nodeLabels: expected a mapping, got a list"),
        ("nodeLabels: {a: 1}", "f: nodeLabels.a: expected a string, got 1"),
        ("addresses: [a, 2]", "f: addresses[1]: expected a string, got 2"),
        ("port: 70000", "f: port must be at most 65535"),
        ("- a", "f: the document: expected a mapping, got a list"),
        ("a: [", "f: not valid YAML"),
    ],
)
def test_errors_name_file_key_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.loads(Sample, text, origin="f")
    assert str(caught.value).startswith(message)


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"none\.yaml: cannot read the configuration: No such file"):
        config.load(Sample, tmp_path / "none.yaml")
