"""What the tests hold a cluster by: commands, waits, requests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KUBEPY = [sys.executable, "-m", "kubepy"]
_BROUGHT = Path(sys.prefix) / "clients" / "kubectl"  # by `make clients`
STOCK_KUBECTL = shutil.which("kubectl") or (str(_BROUGHT) if _BROUGHT.is_file() else None)


@dataclass(frozen=True)
class Cluster:
    """A running cluster below ``root``."""

    root: Path
    name: str
    subnet_prefix: str
    masters: int = 1
    worker_count: int = 3

    @property
    def kubeconfig(self) -> Path:
        return self.root / "etc/kubepy/admin.kubeconfig"

    @property
    def endpoint(self) -> str:
        return f"https://{self.subnet_prefix}.10:6443"

    @property
    def workers(self) -> list[str]:
        return [f"w{n}-k8s" for n in range(1, self.worker_count + 1)]

    @property
    def control_plane(self) -> list[str]:
        return ["m-k8s"] if self.masters == 1 else [f"m{n}-k8s" for n in range(1, self.masters + 1)]

    @property
    def nodes(self) -> list[str]:
        return [*self.control_plane, *self.workers]

    def address(self, node: str) -> str:
        """Where a machine is: the workers from .101 on, several masters from .11 on, the only one at .10."""
        base = {"w": 100, "m": 10}[node[0]]
        return f"{self.subnet_prefix}.{base + int(node[1] if node[1].isdigit() else 0)}"

    def up(self) -> subprocess.CompletedProcess[str]:
        """Bring it up, or repair it."""
        shape = ("--masters", str(self.masters), "--workers", str(self.worker_count))
        return self.kubepy("up", "--name", self.name, "--subnet", f"{self.subnet_prefix}.0/24", *shape)

    def kubepy(self, command: str, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*KUBEPY, command, "--root", str(self.root), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def component(self, node: str, name: str) -> int:
        """The pid of a component."""
        return int(json.loads((self.root / f"run/kubepy/{node}/{name}.pid").read_text())["pid"])

    def kubectl(
        self,
        *arguments: str,
        namespace: str | None = None,
        stdin: str | None = None,
        timeout: float = 90,
        **more: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl (stock, where there is one), whatever its exit code."""
        program = [STOCK_KUBECTL] if STOCK_KUBECTL else [*KUBEPY, "kubectl"]
        scope = ["--namespace", namespace] if namespace else []
        return subprocess.run(
            [*program, "--kubeconfig", str(self.kubeconfig), *scope, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            **more,
        )

    def ok(self, *arguments: str, **options: Any) -> str:
        """kubectl's output; fails the test with what it said when it failed."""
        done = self.kubectl(*arguments, **options)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def json(self, *arguments: str, **options: Any) -> Any:
        return json.loads(self.ok(*arguments, "-o", "json", **options))


@dataclass(frozen=True)
class Namespace:
    """kubectl in one namespace."""

    cluster: Cluster
    name: str

    def kubectl(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.cluster.kubectl(*arguments, namespace=self.name, **options)

    def ok(self, *arguments: str, **options: Any) -> str:
        return self.cluster.ok(*arguments, namespace=self.name, **options)

    def json(self, *arguments: str, **options: Any) -> Any:
        return self.cluster.json(*arguments, namespace=self.name, **options)

    def apply(self, manifest: str) -> str:
        return self.ok("apply", "-f", "-", stdin=manifest)

    def pods(self, selector: str = "") -> list[Any]:
        found: list[Any] = self.json("get", "pods", *(["-l", selector] if selector else []))["items"]
        return found

    def ready_pods(self, selector: str = "") -> list[Any]:
        return [
            pod for pod in self.pods(selector) if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]
        ]

    def sh(self, pod: str, script: str, **options: Any) -> str:
        return self.ok("exec", pod, "--", "sh", "-c", script, **options)

    def status_column(self, pod: str) -> str:
        """What `kubectl get pods` shows as STATUS."""
        row = self.ok("get", "pod", pod, "--no-headers").split()
        return row[2]


def is_ready(pod: Any) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def until(condition: Callable[[], Any], what: str, seconds: float = 60, every: float = 0.2) -> Any:
    """Wait for ``condition`` to be true; returns it, or fails saying what was waited for and seen last."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} s still not: {what}; last seen: {found!r}")
        time.sleep(every)


def http_get(url: str, timeout: float = 5) -> str:
    """The body, or "error: ..."."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return str(answer.read().decode()).strip()
    except (urllib.error.URLError, OSError) as error:
        return f"error: {error}"


def processes_in(namespace: str) -> list[int]:
    """Every process in a network namespace, those of pods (which have their own) left out."""
    wanted = (Path("/run/netns") / namespace).stat().st_ino
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "ns/net").stat().st_ino == wanted:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def assert_fair(counts: Counter[str], members: Iterable[str], tolerance: float = 0.5) -> None:
    """Every member got its share, give or take; nobody else got anything."""
    expected = sorted(members)
    assert sorted(counts) == expected, counts
    share = counts.total() / len(expected)
    assert all(abs(count - share) <= share * tolerance for count in counts.values()), counts


def root_and_tools() -> str:
    """Why the integration tests cannot run here; empty when they can."""
    if os.geteuid() != 0:
        return "needs root: network namespaces, mounts and containers"
    missing = [tool for tool in ("containerd", "runc", "iptables", "nsenter") if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)} (make install)" if missing else ""
