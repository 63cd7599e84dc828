"""Streams through the API server with stock kubectl: cp, port-forward, proxy, attach."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration.harness import STOCK_KUBECTL, Namespace, until
from integration.manifests import CLIENT

pytestmark = pytest.mark.skipif(STOCK_KUBECTL is None, reason="no stock kubectl")

WEB_POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: busybox
    command: [sh, -c, "mkdir /www; echo from the pod > /www/index.html; exec httpd -f -p 80 -h /www"]
    volumeMounts: [{name: www, mountPath: /data}]
  volumes: [{name: www, emptyDir: {}}]
"""


@contextmanager
def running(namespace: Namespace, *arguments: str, **environment: str) -> Iterator[str]:
    """kubectl in the background; gives its first line."""
    command = [str(STOCK_KUBECTL), "--kubeconfig", str(namespace.cluster.kubeconfig), "-n", namespace.name]
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline()
    finally:
        process.terminate()
        process.communicate(timeout=10)


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.fixture
def web(namespace: Namespace) -> Namespace:
    namespace.apply(WEB_POD)
    namespace.ok("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    return namespace


def test_cp_brings_binary_files_over_whole_both_ways(web: Namespace, tmp_path: Path) -> None:
    content = os.urandom(5_000_000)
    (tmp_path / "out").write_bytes(content)
    web.ok("cp", str(tmp_path / "out"), f"{web.name}/web:/data/file")
    assert web.sh("web", "sha256sum /data/file").split()[0] == hashlib.sha256(content).hexdigest()
    web.ok("cp", f"{web.name}/web:/data/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content


@pytest.mark.parametrize("websockets", ["true", "false"])  # SPDY tunnelled in a WebSocket, and SPDY/3.1
def test_port_forward_carries_many_connections(web: Namespace, websockets: str, tmp_path: Path) -> None:
    content = os.urandom(300_000).hex()
    (tmp_path / "large").write_text(content)
    web.ok("cp", str(tmp_path / "large"), f"{web.name}/web:/www/large")
    with running(web, "port-forward", "pod/web", ":80", KUBECTL_PORT_FORWARD_WEBSOCKETS=websockets) as line:
        url = f"http://127.0.0.1:{line.split(':')[1].split()[0]}"
        assert fetch(f"{url}/") == "from the pod\n"
        got: list[str] = []
        threads = [threading.Thread(target=lambda: got.append(fetch(f"{url}/large"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert [len(each) for each in got] == [len(content)] * 8
        assert set(got) == {content}


def test_proxy_reaches_the_api_and_pods(web: Namespace) -> None:
    with running(web, "proxy", "--port=0") as line:
        url = f"http://{line.split()[-1]}"
        assert '"gitVersion": "v1.36' in fetch(f"{url}/version")
        pods = f"{url}/api/v1/namespaces/{web.name}/pods"
        assert fetch(f"{pods}/web:80/proxy/") == "from the pod\n"
        assert '"kind": "PodList"' in fetch(f"{pods}?pretty=true")


def test_attach_with_a_terminal_ends_with_the_containers_exit(namespace: Namespace) -> None:
    namespace.ok("run", "shell", "--image=busybox", "--restart=Never", "--attach=false", "-it", "--", "sh")
    namespace.ok("wait", "--for=condition=Ready", "pod/shell", "--timeout=60s")
    command = (
        f"{STOCK_KUBECTL} --kubeconfig {namespace.cluster.kubeconfig} -n {namespace.name} attach -it shell"
    )
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        input="echo $((20+22)); exit 4\n",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "42" in done.stdout
    state = until(
        lambda: namespace.json("get", "pod", "shell")["status"]["containerStatuses"][0]["state"].get(
            "terminated"
        ),
        "the shell's end",
    )
    assert state["exitCode"] == 4


def test_run_attached_gives_the_exit_code(namespace: Namespace) -> None:
    done = namespace.kubectl(
        "run", "once", "--image=busybox", "--restart=Never", "-i", "--rm", "--quiet",
        "--", "sh", "-c", "read x; echo got $x; exit 3",
        stdin="this\n",
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()[0]) == (3, "got this")


def test_debug_joins_the_processes_of_its_target(web: Namespace) -> None:
    web.ok(
        "debug", "pod/web", "--image=busybox", "--target=web", "--container=dbg", "--profile=general",
        "--attach=false", "-q", "--", "sh", "-c", "ps; sleep 1; exit 6",
    )  # fmt: skip

    def ended() -> Any:
        statuses = web.json("get", "pod", "web")["status"].get("ephemeralContainerStatuses") or [{}]
        return statuses[0].get("state", {}).get("terminated")

    assert until(ended, "the debugger's end")["exitCode"] == 6
    assert "httpd -f -p 80" in web.ok("logs", "web", "-c", "dbg")
    assert web.status_column("web") == "Running"


OFFICIAL_EXEC = """
import sys
from kubernetes import client, config
from kubernetes.stream import stream
config.load_kube_config(sys.argv[1])
command = ["sh", "-c", "echo $HOSTNAME"]
connect = client.CoreV1Api().connect_get_namespaced_pod_exec
print(stream(connect, "client", sys.argv[2], command=command, stdout=True, stderr=True), end="")
"""


def test_exec_of_the_official_python_client(namespace: Namespace) -> None:
    pytest.importorskip("kubernetes", reason="the stock clients are not installed (make clients)")
    namespace.apply(CLIENT)
    namespace.ok("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    command = [sys.executable, "-c", OFFICIAL_EXEC, str(namespace.cluster.kubeconfig), namespace.name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "client\n", done.stderr
