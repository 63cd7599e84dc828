"""What deploy/ lays down on machines: every component's files, and no key that is another's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kubepy.cluster.configuration import Configuration
from kubepy.cluster.paths import Paths
from kubepy.cluster.topology import Topology
from kubepy.kubelet.config import KubeletConfig
from kubepy.util import config
from kubepy.util.clock import SystemClock

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared folder after the master's turn, its own files in ../master; images are built elsewhere."""
    folder = tmp_path_factory.mktemp("machines")
    paths = Paths(folder / "master")
    Configuration(Topology(subnet="192.168.56.0/24"), paths, SystemClock().now()).write()
    paths.images.mkdir(parents=True)
    program = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import configure;"
        "from kubepy.cluster.images import build; build.ensure = lambda directory: [];"
        "sys.argv = ['configure.py', *sys.argv[2:]]; sys.exit(configure.main())"
    )
    arguments = ["master", "--shared", str(folder / "shared"), "--root", str(paths.root)]
    subprocess.run([sys.executable, "-c", program, str(DEPLOY), *arguments], check=True, timeout=60)
    return folder / "shared"


def test_the_master_links_what_its_units_read(shared: Path) -> None:
    etc = shared.parent / "master/etc/kubepy"
    for name in ("apiserver", "scheduler", "controller-manager", "kubelet", "proxy"):
        assert (etc / f"{name}.yaml").resolve() == (etc / f"m-k8s/{name}.yaml").resolve()
        assert (etc / f"{name}.yaml").is_file()


def test_a_worker_gets_its_own_keys_only(shared: Path) -> None:
    archive = shared / "w2-k8s.tar"
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
    assert {"etc/kubepy/pki/ca.crt", "etc/kubepy/pki/kubelet-w2-k8s.key"} <= names
    keys = {name for name in names if name.endswith((".key", ".kubeconfig"))}
    own = {f"etc/kubepy/w2-k8s/{name}.kubeconfig" for name in ("kubelet", "proxy")}
    assert keys == own | {"etc/kubepy/pki/kubelet-w2-k8s.key"}


def test_a_worker_unpacks_what_the_master_wrote(shared: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(DEPLOY / "configure.py"), "worker", "--shared", str(shared)]
    subprocess.run([*command, "--root", str(tmp_path), "--name", "w1-k8s"], check=True, timeout=60)
    etc = tmp_path / "etc/kubepy"
    kubelet = config.load(KubeletConfig, etc / "kubelet.yaml")
    assert (kubelet.node_name, kubelet.node_ip) == ("w1-k8s", "192.168.56.101")
    assert (etc / "w1-k8s/kubelet.kubeconfig").stat().st_mode & 0o777 == 0o600
    assert (etc / "containerd.toml").is_file()
    assert not (etc / "apiserver.yaml").exists()


def test_a_worker_before_its_master_is_told_so(tmp_path: Path) -> None:
    command = [sys.executable, str(DEPLOY / "configure.py"), "worker", "--shared", str(tmp_path)]
    done = subprocess.run(
        [*command, "--root", str(tmp_path), "--name", "w1-k8s"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "set up the master first" in done.stderr


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("*.sh")), ids=lambda path: path.name)
def test_a_script_is_runnable_shell(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=10)


@pytest.mark.skipif(shutil.which("ruby") is None, reason="no ruby on this machine")
def test_the_vagrantfile_is_ruby() -> None:
    subprocess.run(["ruby", "-c", str(DEPLOY.parent / "Vagrantfile")], check=True, timeout=30)
