"""up, status, logs, image, down: the cluster as a whole. Runs last: it takes a cluster of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

import kubepy
from integration.harness import Cluster, Namespace, until


def test_status_and_logs_tell_what_runs(cluster: Cluster) -> None:
    status = cluster.kubepy("status")
    assert status.returncode == 0, status.stdout
    for word in (*cluster.nodes, "apiserver", "kubelet", "containerd", "proxy", "running"):
        assert word in status.stdout
    assert '"serving"' in cluster.kubepy("logs", "apiserver", "--tail", "500").stdout
    unknown = cluster.kubepy("logs", "nothing")
    assert unknown.returncode == 1
    assert "there are logs of" in unknown.stderr


def test_secrets_and_keys_are_private(cluster: Cluster) -> None:
    etc = cluster.root / "etc/kubepy"
    private = [
        *etc.rglob("*.key"),
        *etc.rglob("*.kubeconfig"),
        *(cluster.root / "var/lib/kubepy/apiserver").glob("*.db"),
    ]
    assert len(private) > 10
    assert [str(path) for path in private if path.stat().st_mode & 0o077] == []


def test_admin_kubeconfig_is_stock(cluster: Cluster) -> None:
    document = yaml.safe_load(cluster.kubeconfig.read_text())
    assert document["current-context"] == "kubernetes-admin@itest"
    assert document["clusters"][0]["cluster"]["server"] == cluster.endpoint


def test_up_again_on_a_half_dead_cluster_repairs_it(cluster: Cluster) -> None:
    for node, component in (("w1-k8s", "supervisor"), ("w1-k8s", "containerd"), ("w1-k8s", "kubelet")):
        os.kill(cluster.component(node, component), signal.SIGKILL)
    assert cluster.kubepy("status").returncode == 1
    repaired = cluster.kubepy("up", "--name", "itest", "--subnet", "10.243.0.0/24", "--workers", "3")
    assert repaired.returncode == 0, repaired.stderr
    until(lambda: cluster.kubepy("status").returncode == 0, "all is well", 30, 1)


def test_up_after_the_program_changed_restarts_processes_but_no_container(
    cluster: Cluster, namespace: Namespace
) -> None:
    namespace.ok("run", "p", "--image=busybox", "--", "sleep", "3600")
    namespace.ok("wait", "--for=condition=Ready", "pod/p", "--timeout=60s")
    (container,) = namespace.json("get", "pod", "p")["status"]["containerStatuses"]
    before = {node: cluster.component(node, "kubelet") for node in cluster.nodes}
    (Path(kubepy.__file__).parent / "py.typed").touch()
    done = cluster.kubepy("up", "--name", "itest", "--subnet", "10.243.0.0/24", "--workers", "3")
    assert done.returncode == 0, done.stderr
    assert all(cluster.component(node, "kubelet") != pid for node, pid in before.items())
    (after,) = namespace.json("get", "pod", "p")["status"]["containerStatuses"]
    assert (after["containerID"], after["restartCount"]) == (container["containerID"], 0)


def test_images_are_listed_and_loaded(cluster: Cluster) -> None:
    listed = cluster.kubepy("image", "list").stdout.split()
    assert "localhost/pause:1" in listed
    assert "docker.io/library/busybox:latest" in listed
    loaded = cluster.kubepy("image", "load", timeout=300)
    assert loaded.returncode == 0, loaded.stderr
    names = {
        n
        for node in cluster.json("get", "nodes")["items"]
        for i in node["status"].get("images", [])
        for n in i["names"]
    }
    assert any("busybox" in name for name in names)


def test_up_and_down_leave_nothing_behind() -> None:
    root = Path(tempfile.mkdtemp(prefix="kp-"))
    small = Cluster(root, "small", "10.245.0")
    before = traces("small", root)
    assert before == []
    try:
        started = time.monotonic()
        up = small.kubepy("up", "--name", "small", "--subnet", "10.245.0.0/24", "--workers", "1")
        assert up.returncode == 0, up.stderr
        assert "kubectl get nodes" in up.stdout
        print(f"two nodes Ready after {time.monotonic() - started:.1f} s")
        small.ok("run", "p", "--image=busybox", "--", "sleep", "3600")
        small.ok("wait", "--for=condition=Ready", "pod/p", "--timeout=60s")
        assert traces("small", root)
    finally:
        down = small.kubepy("down")
    assert down.returncode == 0, down.stderr
    assert traces("small", root) == []
    assert small.kubeconfig.is_file(), "keys and data stay for the next up"
    assert small.kubepy("down", "--purge").returncode == 0
    assert not (root / "etc/kubepy").exists()
    shutil.rmtree(root, ignore_errors=True)


def traces(name: str, root: Path) -> list[str]:
    """Processes, namespaces, mounts, devices, rules and cgroups of a cluster."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"{root}/" in command:
                found.append(f"process {command}")
    found += [f"namespace {p.name}" for p in Path("/run/netns").glob(f"{name}.*")]
    found += [f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if f"{root}/" in line]
    found += [f"device {p.name}" for p in Path("/sys/class/net").glob(f"kp-{name}*")]
    rules = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    found += [f"rules {line}" for line in rules.splitlines() if f"kubepy-{name}" in line]
    found += [f"cgroup {p}" for p in Path("/sys/fs/cgroup").glob(f"*/kubepy/{name}")]
    cached = Path("/var/lib/cni/results")
    found += [f"cni {p.name}" for p in cached.glob("*") if f"{root}/" in p.read_text()]
    return found
