"""`kubepy test-cluster`, with the stock tools of other languages against it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_COMMAND = [sys.executable, "-m", "kubepy", "test-cluster"]
_BROUGHT = Path(sys.prefix) / "clients"


def _tool(name: str) -> str:
    brought = _BROUGHT / name
    found = str(brought) if brought.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


def _run(*arguments: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_COMMAND, *arguments], capture_output=True, text=True, timeout=timeout)


def test_a_command_runs_against_it_and_its_exit_code_is_ours(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib; print(pathlib.Path(os.environ['KUBECONFIG']).read_text()); sys.exit(7)"
    )
    done = _run("--trace", str(tmp_path / "trace"), "--exec", sys.executable, "-c", program)
    assert done.returncode == 7, done.stderr
    assert "current-context: kubepy-test" in done.stdout
    assert (tmp_path / "trace").is_file()


def test_a_command_that_is_missing_ends_as_in_a_shell() -> None:
    done = _run("--exec", "no-such-command-at-all")
    assert done.returncode == 127
    assert "no-such-command-at-all: command not found" in done.stderr


def test_without_a_command_it_serves_until_told_to_end(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    process = subprocess.Popen(
        [*_COMMAND, "--kubeconfig", str(kubeconfig)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(kubeconfig)
        assert kubeconfig.stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert not kubeconfig.exists()


def test_stock_kubectl_makes_a_deployment_available() -> None:
    kubectl = _tool("kubectl")
    script = (
        f"set -e; '{kubectl}' create deployment web --image=nginx --replicas=2; "
        f"'{kubectl}' rollout status deployment/web --timeout=60s; '{kubectl}' get pods"
    )
    done = _run("--exec", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert 'deployment "web" successfully rolled out' in done.stdout
    assert done.stdout.count("Running") == 2


def test_stock_kubectl_is_told_that_nothing_runs_in_a_simulated_pod() -> None:
    kubectl = _tool("kubectl")
    script = (
        f"'{kubectl}' run p --image=nginx; '{kubectl}' wait --for=condition=Ready pod/p --timeout=60s; "
        f"'{kubectl}' logs p; '{kubectl}' exec p -- ls; '{kubectl}' port-forward p 8080:80"
    )
    done = _run("--exec", "sh", "-c", script)
    assert 'container "p" in pod "p" is simulated and has written no log' in done.stderr
    assert 'pod "p" is simulated: nothing runs in it that exec could reach' in done.stderr
    assert 'pod "p" is simulated: nothing runs in it that portforward could reach' in done.stderr


def test_stock_helm_installs_a_chart_and_waits_for_it() -> None:
    helm = _tool("helm")
    chart = Path(__file__).parents[1] / "clients" / "chart"
    done = _run("--exec", helm, "install", "release", str(chart), "--wait", "--timeout", "60s")
    assert done.returncode == 0, done.stderr
    assert "STATUS: deployed" in done.stdout


def test_the_javascript_client_watches_and_writes() -> None:
    node = _tool("node")
    modules = _BROUGHT / "node_modules"
    if not (modules / "@kubernetes" / "client-node").is_dir():
        pytest.skip("no @kubernetes/client-node: `make clients` brings it where npm is")
    program = Path(__file__).parent / "client_node.mjs"
    # An ES module finds its packages beside itself only.
    copy = modules.parent / "client_node.mjs"
    shutil.copyfile(program, copy)
    done = _run("--exec", node, str(copy))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer == {"pods": "Running", "conflict": 409, "events": ["ADDED", "MODIFIED", "DELETED"]}
