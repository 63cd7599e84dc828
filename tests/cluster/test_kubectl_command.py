"""kubectl where there is none."""

from pathlib import Path

import pytest

from kubepy.cluster import kubectl_command
from kubepy.cluster.paths import Paths


def test_installed_only_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "kubectl"
    monkeypatch.setattr(kubectl_command, "location", lambda paths: place)
    monkeypatch.setattr(kubectl_command.shutil, "which", lambda name: "/usr/bin/kubectl")
    kubectl_command.ensure(Paths())
    assert not place.exists()
    monkeypatch.setattr(kubectl_command.shutil, "which", lambda name: None)
    kubectl_command.ensure(Paths(tmp_path))
    assert not place.exists(), "a cluster below another root keeps its hands off /usr/local"
    kubectl_command.ensure(Paths())
    assert "kubepy kubectl" in place.read_text()
    assert place.stat().st_mode & 0o111
    kubectl_command.remove(Paths())
    assert not place.exists()


def test_somebody_elses_kubectl_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "kubectl"
    place.write_text("#!/bin/sh\n")
    monkeypatch.setattr(kubectl_command, "location", lambda paths: place)
    kubectl_command.remove(Paths())
    assert place.exists()
