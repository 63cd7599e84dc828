"""A control plane in processes of its own: API server and controller-manager; and the stock tools."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubepy.cluster.configuration import Configuration
from kubepy.cluster.paths import Paths
from kubepy.cluster.topology import Topology

_BROUGHT = Path(sys.prefix) / "clients"


def tool(name: str) -> str:
    """A stock program: the one brought for the tests, or the machine's own; skips without either."""
    brought = _BROUGHT / name
    found = str(brought) if brought.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine, and no npm to bring it")
    return found


@dataclass(frozen=True)
class Outcome:
    """What a program said."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class ControlPlane:
    """Where it answers."""

    kubeconfig: Path
    folder: Path
    url: str

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder)}

    def run(self, name: str, *arguments: str, stdin: str = "", check: bool = True) -> Outcome:
        """Run a stock tool; with `check` it must succeed."""
        done = subprocess.run(
            [tool(name), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=120,
        )
        outcome = Outcome(done.returncode, done.stdout, done.stderr)
        assert done.returncode == 0 or not check, (name, arguments, outcome)
        return outcome

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> Outcome:
        return self.run("kubectl", *arguments, stdin=stdin, check=check)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    folder = tmp_path_factory.mktemp("control-plane")
    port = free_port()
    topology = Topology(name="clients", workers=0, secure_port=port)
    paths = Paths(folder)
    Configuration(topology, paths, datetime.now(UTC)).write()
    url = f"https://127.0.0.1:{port}"
    etc = paths.machine_etc(topology.master.name)
    config = etc / "apiserver.yaml"
    text = re.sub(r"storage: .*", f"storage: sqlite://{folder}/state.db", config.read_text())
    config.write_text(re.sub(r"bindAddress: .*", "bindAddress: 127.0.0.1", text))
    for kubeconfig in (paths.admin_kubeconfig, etc / "controller-manager.kubeconfig"):
        kubeconfig.write_text(re.sub(r"server: .*", f"server: {url}", kubeconfig.read_text()))
    log = (folder / "components.log").open("wb")
    processes = []

    def start(component: str) -> None:
        command = [sys.executable, "-m", "kubepy", component, "--config", str(etc / f"{component}.yaml")]
        processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    made = ControlPlane(paths.admin_kubeconfig, folder, url)
    try:
        start("apiserver")
        _until(made, "get", "--raw", "/readyz")
        start("controller-manager")
        _until(made, "get", "serviceaccount", "default")
        yield made
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=20)
        log.close()


def _until(made: ControlPlane, *arguments: str) -> None:
    deadline = time.monotonic() + 30
    while (last := made.kubectl(*arguments, check=False)).code:
        assert time.monotonic() < deadline, (last, (made.folder / "components.log").read_text()[-2000:])
        time.sleep(0.2)


@pytest.fixture
def namespace(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:50].strip("-")
    control_plane.kubectl("create", "namespace", name)
    _until(control_plane, "get", "serviceaccount", "default", "-n", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")
