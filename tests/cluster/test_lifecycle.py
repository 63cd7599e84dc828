"""What `up` and `down` refuse, and that they change nothing then."""

from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from kubepy.cluster.lifecycle import ClusterError, Report, down, refuse_half_removed
from kubepy.cluster.paths import Paths
from kubepy.cluster.pki import Pki
from kubepy.util.clock import SystemClock


def test_data_without_its_keys_is_left_alone(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.database.parent.mkdir(parents=True)
    paths.database.write_bytes(b"data")
    with pytest.raises(ClusterError, match="half of a cluster is here"):
        refuse_half_removed(paths)
    assert paths.database.read_bytes() == b"data"
    assert not paths.pki.exists()


def test_certificate_without_its_key_is_left_alone(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    Pki(paths.pki, datetime(2026, 1, 1, tzinfo=UTC))
    refuse_half_removed(paths)
    (paths.pki / "ca.key").unlink()
    with pytest.raises(ClusterError, match=r"ca\.key does not"):
        refuse_half_removed(paths)


def test_nothing_at_all_is_fine(tmp_path: Path) -> None:
    refuse_half_removed(Paths(tmp_path))


def test_down_without_a_cluster_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubepy.cluster.preflight.require_root", lambda doing: None)
    with pytest.raises(ClusterError, match="no cluster is laid out"):
        anyio.run(down, Paths(tmp_path), SystemClock(), Report())
