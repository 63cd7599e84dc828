"""A Deployment, a Service, DNS, scaling, a rollout: what everybody does first."""

from __future__ import annotations

import threading
import time
from collections import Counter
from ipaddress import ip_address, ip_network

import pytest

from integration.harness import Cluster, Namespace, assert_fair, http_get, until
from integration.manifests import CLIENT, WEB


@pytest.fixture
def web(namespace: Namespace) -> Namespace:
    """Three web replicas, their Service, and a client pod."""
    namespace.apply(WEB)
    namespace.apply(CLIENT)
    namespace.ok("rollout", "status", "deployment/web", "--timeout=60s")
    namespace.ok("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    return namespace


def hostnames(namespace: Namespace) -> list[str]:
    return [pod["metadata"]["name"] for pod in namespace.ready_pods("app=web")]


def test_four_nodes_are_ready(cluster: Cluster) -> None:
    rows = [line.split() for line in cluster.ok("get", "nodes", "--no-headers").splitlines()]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("m-k8s", "Ready", "control-plane"),
        *((worker, "Ready", "<none>") for worker in cluster.workers),
    ]


def test_pods_spread_over_workers_with_addresses_of_their_nodes_networks(web: Namespace) -> None:
    networks = {
        node["metadata"]["name"]: ip_network(node["spec"]["podCIDR"])
        for node in web.cluster.json("get", "nodes")["items"]
    }
    pods = web.ready_pods("app=web")
    assert sorted(pod["spec"]["nodeName"] for pod in pods) == web.cluster.workers
    assert all(ip_address(pod["status"]["podIP"]) in networks[pod["spec"]["nodeName"]] for pod in pods)


def test_cluster_ip_and_name_reach_all_replicas_in_fair_shares(web: Namespace) -> None:
    address = web.json("get", "service", "web")["spec"]["clusterIP"]
    for host in (address, "web", f"web.{web.name}.svc.cluster.local"):
        script = f"for i in $(seq 150); do timeout 5 wget -q -O - http://{host}/ || echo FAILED; done"
        answers = Counter(line.split()[0] for line in web.sh("client", script).splitlines())
        assert_fair(answers, hostnames(web))


def test_node_port_answers_on_every_node(web: Namespace) -> None:
    port = web.json("get", "service", "web")["spec"]["ports"][0]["nodePort"]
    for node in web.cluster.nodes:
        url = f"http://{web.cluster.address(node)}:{port}/"
        answers = Counter(http_get(url).split()[0] for _ in range(90))
        assert_fair(answers, hostnames(web), 0.6)


def test_scale_up_and_down(web: Namespace) -> None:
    for replicas in (6, 1):
        web.ok("scale", "deployment/web", f"--replicas={replicas}")
        until(lambda n=replicas: len(web.ready_pods("app=web")) == n, f"{replicas} ready pods")
        until(lambda n=replicas: len(web.pods("app=web")) == n, f"{replicas} pods in all", 30)
    until(lambda: len(endpoints(web)) == 1, "one endpoint")


def test_rolling_update_loses_no_request(web: Namespace) -> None:
    port = web.json("get", "service", "web")["spec"]["ports"][0]["nodePort"]
    answers: list[str] = []
    stop = threading.Event()

    def hammer(node: str) -> None:
        while not stop.is_set():
            answers.append(http_get(f"http://{web.cluster.address(node)}:{port}/"))
            time.sleep(0.02)

    threads = [threading.Thread(target=hammer, args=(node,)) for node in web.cluster.nodes]
    for thread in threads:
        thread.start()
    try:
        web.ok("set", "env", "deployment/web", "VERSION=2")
        web.ok("rollout", "status", "deployment/web", "--timeout=90s")
        time.sleep(3)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    versions = Counter(answer.split()[-1] for answer in answers)
    assert set(versions) == {"1", "2"}, [a for a in answers if a.startswith("error")][:5]
    assert len(answers) > 200


def test_rollback_brings_the_old_template_back(web: Namespace) -> None:
    web.ok("set", "env", "deployment/web", "VERSION=2")
    web.ok("rollout", "status", "deployment/web", "--timeout=90s")
    history = web.ok("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["1", "2"]
    web.ok("rollout", "undo", "deployment/web")
    web.ok("rollout", "status", "deployment/web", "--timeout=90s")
    container = web.json("get", "deployment", "web")["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "VERSION", "value": "1"}]


def test_deleted_namespace_leaves_nothing_on_the_nodes(web: Namespace) -> None:
    uids = {pod["metadata"]["uid"] for pod in web.pods()}
    web.cluster.ok("delete", "namespace", web.name, "--timeout=60s")
    assert "NotFound" in web.cluster.kubectl("get", "namespace", web.name).stderr
    until(lambda: not folders(web.cluster, uids), "the pods' folders are gone", 30)


def folders(cluster: Cluster, uids: set[str]) -> list[str]:
    found = (cluster.root / "var/lib/kubepy").glob("*/kubelet/pods/*")
    return [str(path) for path in found if path.name in uids]


def endpoints(namespace: Namespace) -> list[str]:
    slices = namespace.json("get", "endpointslices", "-l", "kubernetes.io/service-name=web")["items"]
    return [a for item in slices for e in item["endpoints"] or [] for a in e["addresses"]]
