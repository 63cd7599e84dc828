"""Bad input gets Kubernetes' own words, and harms nothing."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from integration.harness import Cluster, Namespace


def test_invalid_manifest_names_every_cause(namespace: Namespace) -> None:
    manifest = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: Bad_Name}
spec:
  replicas: -1
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: b}}
    spec: {containers: [{name: c}]}
"""
    done = namespace.kubectl("apply", "-f", "-", stdin=manifest)
    assert done.returncode == 1
    assert 'The Deployment "Bad_Name" is invalid:' in done.stderr
    for cause in (
        "metadata.name: Invalid value",
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        "`selector` does not match template `labels`",
        "spec.template.spec.containers[0].image: Required value",
    ):
        assert cause in done.stderr


def test_unknown_field_is_refused_strictly(namespace: Namespace) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndatum: {}\n"
    done = namespace.kubectl("apply", "-f", "-", stdin=manifest)
    assert 'unknown field "datum"' in done.stderr
    assert done.returncode == 1


def test_wrong_token_is_unauthorized(cluster: Cluster) -> None:
    done = raw(cluster, "--token", "wrong", "get", "pods")
    assert "Unauthorized" in done.stderr or "must be logged in" in done.stderr
    assert done.returncode == 1


def test_anonymous_gets_no_more_than_kubernetes_allows(cluster: Cluster) -> None:
    refused = raw(cluster, "--username", "", "get", "pods")
    assert refused.returncode == 1
    for path, allowed in (("/version", True), ("/healthz", True), ("/api", False), ("/metrics", False)):
        answer = subprocess.run(
            ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", f"{cluster.endpoint}{path}"],
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert (answer.stdout == "200") is allowed, (path, answer.stdout)


def test_no_right_is_forbidden_in_one_sentence(namespace: Namespace) -> None:
    done = namespace.kubectl("get", "secrets", "--as", "jane")
    assert done.stderr.strip() == (
        'Error from server (Forbidden): secrets is forbidden: User "jane" cannot list resource "secrets" '
        f'in API group "" in the namespace "{namespace.name}"'
    )


def test_second_up_at_once_is_told_to_wait(cluster: Cluster) -> None:
    with (cluster.root / "run/kubepy/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = cluster.kubepy("up", "--name", cluster.name, "--subnet", "10.243.0.0/24")
    assert done.returncode == 1
    assert "another kubepy up or down is at work" in done.stderr


def test_other_shape_than_what_is_there_is_refused(cluster: Cluster) -> None:
    done = cluster.kubepy("up", "--name", cluster.name, "--subnet", "10.199.0.0/24")
    assert done.returncode == 1
    assert "a cluster of another shape is laid out" in done.stderr
    fewer = cluster.kubepy("up", "--name", cluster.name, "--subnet", "10.243.0.0/24", "--workers", "1")
    assert "this cluster has 3 workers" in fewer.stderr


def test_taken_subnet_is_refused_before_anything_changes(cluster: Cluster, tmp_path: Path) -> None:
    other = Cluster(tmp_path, "second", "10.243.0")
    done = other.kubepy("up", "--name", "second", "--subnet", "10.243.0.0/24")
    assert done.returncode == 1
    assert "10.243.0.1 is already an address of kp-itest" in done.stderr
    assert other.kubepy("down", "--purge").returncode == 0
    assert cluster.kubepy("status").returncode == 0


def test_up_without_root_says_so_at_once(tmp_path: Path) -> None:
    drop = "import os, sys; from kubepy.cmd import main, up; os.setuid(65534)"
    code = f"{drop}; sys.exit(main.main(['up', '--root', {str(tmp_path)!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "kubepy up needs root" in done.stderr
    assert list(tmp_path.iterdir()) == []


def raw(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    """kubectl without the admin's kubeconfig."""
    bare = Cluster(cluster.root, cluster.name, cluster.subnet_prefix)
    return bare.kubectl(
        "--kubeconfig=/dev/null", "--server", cluster.endpoint, "--insecure-skip-tls-verify", *arguments
    )
