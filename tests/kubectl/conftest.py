"""An API server of the real kind for the tests that need one, and both programs to run against it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubepy.cluster.configuration import Configuration
from kubepy.cluster.paths import Paths
from kubepy.cluster.topology import Topology
from kubepy.kubectl.main import main

_BROUGHT = Path(sys.prefix) / "clients" / "kubectl"  # by `make clients`
STOCK = shutil.which("kubectl") or (str(_BROUGHT) if _BROUGHT.is_file() else None)


@dataclass(frozen=True)
class Outcome:
    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Server:
    """A running API server and the admin's kubeconfig."""

    kubeconfig: Path
    home: Path
    url: str

    def ours(self, *arguments: str, stdin: str = "") -> Outcome:
        """Our program, in this process: a new interpreter for each line would take most of the time."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBECONFIG", str(self.kubeconfig))
            patch.setenv("HOME", str(self.home))
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            with redirect_stdout(out), redirect_stderr(err):
                code = main(list(arguments))
        return Outcome(code, out.getvalue(), err.getvalue())

    def stock(self, *arguments: str, stdin: str = "") -> Outcome:
        assert STOCK is not None
        return self._run([STOCK, *arguments], stdin)

    def _run(self, command: list[str], stdin: str) -> Outcome:
        environment = os.environ | {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.home)}
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=environment, timeout=60
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server in a process of its own, with a few objects in it (MANIFEST)."""
    folder = tmp_path_factory.mktemp("kubectl")
    port = _free_port()
    topology = Topology(name="test", workers=0, secure_port=port)
    paths = Paths(folder)
    Configuration(topology, paths, datetime.now(UTC)).write()
    config = paths.machine_etc(topology.master.name) / "apiserver.yaml"
    text = re.sub(r"storage: .*", "storage: memory", config.read_text())
    config.write_text(re.sub(r"bindAddress: .*", "bindAddress: 127.0.0.1", text))
    url = f"https://127.0.0.1:{port}"
    kubeconfig = paths.admin_kubeconfig
    kubeconfig.write_text(re.sub(r"server: .*", f"server: {url}", kubeconfig.read_text()))
    log = (folder / "apiserver.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "kubepy", "apiserver", "--config", str(config)], stdout=log, stderr=log
    )
    try:
        running = Server(kubeconfig, folder, url)
        _wait_until_ready(running, process, folder / "apiserver.log")
        created = running.ours("create", "-f", "-", stdin=json.dumps(MANIFEST))
        assert created.code == 0, created.stderr
        yield running
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        if server.ours("get", "--raw", "/readyz").code == 0:
            return
        time.sleep(0.2)
    raise AssertionError(f"the API server is not ready: {log.read_text()}")


_TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "nginx:1",
                "ports": [{"containerPort": 80}],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
                ],
                "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
                "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
            }
        ],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    },
}

# No controllers run: nothing of this changes while the two programs look at it.
MANIFEST = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": "default"},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": _TEMPLATE},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "solo", "labels": {"tier": "b"}, "annotations": {"note": "one\ntwo"}},
            "spec": _TEMPLATE["spec"] | {"automountServiceAccountToken": False},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings"},
            "data": {"colour": "blue", "lines": "a\nb\n", "yes": "on", "number": "010"},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"}, "data": {"pw": "aGVsbG8="}},
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "n1", "labels": {"node-role.kubernetes.io/control-plane": ""}},
            "spec": {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]},
            "status": {
                "allocatable": {"cpu": "2", "memory": "4Gi"},
                "capacity": {"cpu": "2", "memory": "4Gi"},
            },
        },
    ],
}
