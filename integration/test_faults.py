"""Things die: the cluster heals, and nothing that was acknowledged is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.harness import Cluster, Namespace, http_get, is_ready, until
from integration.manifests import WEB


@pytest.fixture
def web(namespace: Namespace) -> Iterator[Namespace]:
    namespace.apply(WEB)
    namespace.ok("rollout", "status", "deployment/web", "--timeout=60s")
    yield namespace
    healed = namespace.cluster.kubepy("up", "--name", "itest", "--subnet", "10.243.0.0/24", "--workers", "3")
    assert healed.returncode == 0, healed.stderr


def kill(cluster: Cluster, node: str, component: str) -> int:
    pid = cluster.component(node, component)
    os.kill(pid, signal.SIGKILL)
    until(lambda: restarted(cluster, node, component, pid), f"{component} on {node} runs again", 30)
    return pid


def restarted(cluster: Cluster, node: str, component: str, old: int) -> bool:
    try:
        return cluster.component(node, component) != old
    except FileNotFoundError:
        return False


def containers(namespace: Namespace) -> dict[str, str]:
    """Pod name -> id of its container."""
    return {
        p["metadata"]["name"]: p["status"]["containerStatuses"][0]["containerID"]
        for p in namespace.pods("app=web")
    }


def serves(namespace: Namespace) -> bool:
    port = namespace.json("get", "service", "web")["spec"]["ports"][0]["nodePort"]
    return not http_get(f"http://{namespace.cluster.address('w1-k8s')}:{port}/").startswith("error")


def test_killed_container_is_restarted_in_place(web: Namespace) -> None:
    pod = web.ready_pods("app=web")[0]
    name, before = pod["metadata"]["name"], containers(web)
    os.kill(container_process(pod["metadata"]["uid"]), signal.SIGKILL)
    until(lambda: restart_count(web, name) == 1, "a restart", 30)
    until(lambda: len(web.ready_pods("app=web")) == 3, "three ready pods")
    after = containers(web)
    assert after[name] != before[name]
    assert {n: c for n, c in after.items() if n != name} == {n: c for n, c in before.items() if n != name}


def container_process(pod_uid: str) -> int:
    """The web server's process as the host sees it: the one in the pod's cgroup."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if pod_uid in (entry / "cgroup").read_text() and b"httpd" in (entry / "cmdline").read_bytes():
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError(f"no process of pod {pod_uid}")


def restart_count(namespace: Namespace, pod: str) -> int:
    status = namespace.json("get", "pod", pod)["status"]
    return int(status["containerStatuses"][0]["restartCount"])


@pytest.mark.parametrize("component", ["kubelet", "containerd"])
def test_killed_node_agent_leaves_containers_running(web: Namespace, component: str) -> None:
    before = containers(web)
    for node in web.cluster.workers:
        kill(web.cluster, node, component)
    assert serves(web)
    until(lambda: len(web.ready_pods("app=web")) == 3, "three ready pods")
    web.ok("scale", "deployment/web", "--replicas=4")
    until(lambda: len(web.ready_pods("app=web")) == 4, "a fourth pod, from the restarted agents")
    after = containers(web)
    assert {name: after[name] for name in before} == before


def test_killed_api_server_loses_no_acknowledged_object(web: Namespace) -> None:
    for number in range(40):
        web.ok("create", "configmap", f"c{number}", f"--from-literal=n={number}")
        if number == 20:
            os.kill(web.cluster.component("m-k8s", "apiserver"), signal.SIGKILL)
            until(
                lambda: web.cluster.kubectl("get", "--raw", "/readyz").returncode == 0,
                "the API server is back",
                30,
            )
    names = {c["metadata"]["name"] for c in web.json("get", "configmaps")["items"]}
    assert {f"c{number}" for number in range(40)} <= names
    assert serves(web)


def test_killed_controller_manager_and_scheduler_come_back(web: Namespace) -> None:
    kill(web.cluster, "m-k8s", "controller-manager")
    kill(web.cluster, "m-k8s", "scheduler")
    web.ok("scale", "deployment/web", "--replicas=5")
    until(lambda: len(web.ready_pods("app=web")) == 5, "five ready pods after a new leader", 60)


def test_killed_proxy_keeps_traffic_and_learns_new_services(web: Namespace) -> None:
    for node in web.cluster.nodes:
        kill(web.cluster, node, "proxy")
        assert serves(web)
    web.ok("expose", "deployment", "web", "--name=late", "--port=80", "--type=NodePort")
    port = web.json("get", "service", "late")["spec"]["ports"][0]["nodePort"]
    url = f"http://{web.cluster.address('w2-k8s')}:{port}/"
    until(lambda: not http_get(url).startswith("error"), "the new service answers")


def test_silent_worker_becomes_not_ready_and_its_pods_move(web: Namespace) -> None:
    """NotReady after 40 s; pods elsewhere after their toleration (5 s here)."""
    cluster, victim = web.cluster, "w3-k8s"
    assert any(pod["spec"]["nodeName"] == victim for pod in web.ready_pods("app=web"))
    supervisor = cluster.component(victim, "supervisor")
    os.kill(supervisor, signal.SIGTERM)
    until(lambda: node_status(cluster, victim) == "NotReady", f"{victim} is NotReady", 75, 1)
    until(lambda: moved(web, victim), "three ready pods on the other workers", 45, 1)
    healed = cluster.kubepy("up", "--name", "itest", "--subnet", "10.243.0.0/24", "--workers", "3")
    assert healed.returncode == 0, healed.stderr
    until(lambda: node_status(cluster, victim) == "Ready", f"{victim} is Ready again", 30)
    until(lambda: len(web.pods("app=web")) == 3, "the pods that were left behind are gone", 60)


def moved(namespace: Namespace, victim: str) -> bool:
    ready = [p for p in namespace.ready_pods("app=web") if p["spec"]["nodeName"] != victim]
    return len(ready) == 3


def node_status(cluster: Cluster, node: str) -> str:
    ready = is_ready(cluster.json("get", "node", node))
    return "Ready" if ready else "NotReady"
