import base64
import stat
from pathlib import Path

import pytest
import yaml

from kubepy.client import ClientConfig, KubeconfigError, kubeconfig


def sample(name: str, server: str) -> dict[str, object]:
    return kubeconfig.build(name, server=server, cluster={}, user={"token": "t"}, user_name=f"admin-{name}")


def test_first_file_wins_and_missing_ones_are_skipped(tmp_path: Path) -> None:
    kubeconfig.write(tmp_path / "a", sample("x", "https://1"))
    kubeconfig.write(tmp_path / "b", kubeconfig.merge(sample("y", "https://2"), sample("x", "https://3")))
    merged = kubeconfig.load([tmp_path / "a", tmp_path / "gone", tmp_path / "b"])
    assert {c["name"]: c["cluster"]["server"] for c in merged["clusters"]} == {
        "x": "https://1",
        "y": "https://2",
    }
    assert merged["current-context"] == "admin-x@x"


def test_overwrite_takes_the_second(tmp_path: Path) -> None:
    merged = kubeconfig.merge(sample("x", "https://1"), sample("x", "https://3"), overwrite=True)
    assert [c["cluster"]["server"] for c in merged["clusters"]] == ["https://3"]


def test_written_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config"
    kubeconfig.write(path, sample("x", "https://1"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["config"]


def test_client_config_of_a_context(tmp_path: Path) -> None:
    config = sample("x", "https://1:6443/")
    config["clusters"][0]["cluster"]["certificate-authority"] = "pki/ca.crt"  # type: ignore[index]
    config["users"][0]["user"]["client-certificate-data"] = base64.b64encode(b"PEM").decode()  # type: ignore[index]
    (tmp_path / "c").write_text(yaml.safe_dump(config))
    loaded = ClientConfig.from_kubeconfig(tmp_path / "c")
    assert loaded.server == "https://1:6443"
    assert loaded.ca_file == str(tmp_path / "pki/ca.crt")
    assert (loaded.cert_data, loaded.token, loaded.namespace) == (b"PEM", "t", "default")


def test_errors_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="no kubeconfig found"):
        ClientConfig.from_kubeconfig(tmp_path / "none")
    kubeconfig.write(tmp_path / "c", sample("x", "https://1"))
    with pytest.raises(KubeconfigError, match='context "other" does not exist'):
        ClientConfig.from_kubeconfig(tmp_path / "c", context="other")
    (tmp_path / "bad").write_text("a: [")
    with pytest.raises(KubeconfigError, match="error loading config file"):
        ClientConfig.from_kubeconfig(tmp_path / "bad")


def test_in_cluster_needs_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(KubeconfigError, match="unable to load in-cluster configuration"):
        ClientConfig.in_cluster()
