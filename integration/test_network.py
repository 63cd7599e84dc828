"""Packets: affinity, UDP, hairpin, headless names, masquerading, policies of Services."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from integration.harness import Namespace, http_get, until
from integration.manifests import CLIENT, WEB


@pytest.fixture
def web(namespace: Namespace) -> Namespace:
    namespace.apply(WEB)
    namespace.apply(CLIENT)
    namespace.ok("rollout", "status", "deployment/web", "--timeout=60s")
    namespace.ok("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    return namespace


def ask(namespace: Namespace, host: str, times: int = 20) -> Counter[str]:
    script = f"for i in $(seq {times}); do timeout 3 wget -q -O - http://{host}/ || echo FAILED; done"
    return Counter(line.split()[0] for line in namespace.sh("client", script).splitlines())


def test_session_affinity_keeps_a_client_with_one_endpoint(web: Namespace) -> None:
    web.ok("patch", "service", "web", "-p", '{"spec": {"sessionAffinity": "ClientIP"}}')
    until(lambda: len(ask(web, "web", 20)) == 1, "one endpoint for one client", 20)


def test_hairpin_a_pod_reaches_itself_through_its_service(web: Namespace) -> None:
    web.ok("scale", "deployment/web", "--replicas=1")
    until(lambda: len(web.pods("app=web")) == 1, "one pod", 30)
    only = web.pods("app=web")[0]["metadata"]["name"]
    until(
        lambda: web.sh(only, "timeout 3 wget -q -O - http://web/ || true").startswith(only),
        "an answer from itself",
        20,
    )


def test_service_without_endpoints_refuses_at_once(web: Namespace) -> None:
    web.ok("scale", "deployment/web", "--replicas=0")
    until(lambda: not web.pods("app=web"), "no pods", 30)
    until(
        lambda: "refused" in web.sh("client", "timeout 3 wget -q -O - http://web/ 2>&1 || true"),
        "connection refused",
        10,
    )


def test_headless_service_names_its_pods(web: Namespace) -> None:
    web.ok("expose", "deployment", "web", "--name=headless", "--cluster-ip=None", "--port=80")
    addresses = sorted(pod["status"]["podIP"] for pod in web.ready_pods("app=web"))

    def resolved() -> list[str]:
        name = f"headless.{web.name}.svc.cluster.local"
        lines = web.sh("client", f"nslookup -type=a {name} || true").splitlines()
        return sorted(line.split()[1] for line in lines if line.startswith("Address: 10.244."))

    until(lambda: resolved() == addresses, "the pods' addresses", 20)


def test_external_name_and_reverse_names(web: Namespace) -> None:
    target = f"web.{web.name}.svc.cluster.local"
    web.ok("create", "service", "externalname", "elsewhere", "--external-name", target)
    until(lambda: set(ask(web, "elsewhere", 3)) - {"FAILED"}, "the alias answers", 20)
    address = web.json("get", "service", "web")["spec"]["clusterIP"]
    assert f"name = {target}" in web.sh("client", f"nslookup {address} || true")


UDP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  replicas: 1
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: localhost/kubepy:0.1.0
        command: [PYTHON, -c, "SCRIPT"]
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  selector: {app: echo}
  ports: [{port: 9000, protocol: UDP}]
"""
ECHO = "import socket; s = socket.socket(2, 2); s.bind(('', 9000)); [s.sendto(b'echo ' + d, a) for d, a in iter(lambda: s.recvfrom(999), None)]"
ASK = "import socket; s = socket.socket(2, 2); s.bind(('', 5000)); s.settimeout(1); s.sendto(b'hi', ('ADDRESS', 9000)); print(s.recv(99).decode())"


def test_udp_service_also_after_its_endpoint_was_replaced(web: Namespace) -> None:
    """One client port throughout: a stale conntrack entry would lead to the endpoint that is gone."""
    python = python_in_image()
    web.apply(UDP.replace("PYTHON", python).replace("SCRIPT", ECHO))
    web.ok(
        "run",
        "asker",
        "--image=localhost/kubepy:0.1.0",
        "--command",
        "--",
        python,
        "-c",
        "import time; time.sleep(3600)",
    )
    web.ok("rollout", "status", "deployment/echo", "--timeout=60s")
    web.ok("wait", "--for=condition=Ready", "pod/asker", "--timeout=60s")
    address = web.json("get", "service", "echo")["spec"]["clusterIP"]
    script = ASK.replace("ADDRESS", address)

    def answered() -> bool:
        return "echo hi" in web.kubectl("exec", "asker", "--", python, "-c", script).stdout

    until(answered, "an echo over UDP", 20)
    web.ok("delete", "pod", "-l", "app=echo")
    web.ok("rollout", "status", "deployment/echo", "--timeout=60s")
    until(answered, "an echo from the new endpoint", 20)


def python_in_image() -> str:
    """The interpreter's path in the project's own image: the DNS pods' entry point."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def test_pods_reach_pods_of_other_nodes_with_their_own_address(web: Namespace) -> None:
    """No translation between pods: the server sees the client pod's address."""
    server = web.ready_pods("app=web")[0]
    client_node = web.json("get", "pod", "client")["spec"]["nodeName"]
    far = next((p for p in web.ready_pods("app=web") if p["spec"]["nodeName"] != client_node), server)
    name, address = far["metadata"]["name"], far["status"]["podIP"]
    own = web.json("get", "pod", "client")["status"]["podIP"]
    web.sh(name, "(nc -l -p 7000 -e sh -c 'netstat -tn | grep :7000' > /tmp/seen 2>&1 &) ; sleep 0.3")
    seen = web.sh("client", f"sleep 1 | nc -w 3 {address} 7000 || true")
    assert own in seen, seen


def test_external_traffic_policy_local_answers_only_where_pods_are(web: Namespace) -> None:
    web.ok("patch", "service", "web", "-p", '{"spec": {"externalTrafficPolicy": "Local"}}')
    port = web.json("get", "service", "web")["spec"]["ports"][0]["nodePort"]
    with_pods = {pod["spec"]["nodeName"] for pod in web.ready_pods("app=web")}

    def settled() -> bool:
        answers = {n: http_get(f"http://{web.cluster.address(n)}:{port}/", 1.5) for n in web.cluster.nodes}
        return all(answer.startswith("error") != (node in with_pods) for node, answer in answers.items())

    until(settled, "answers on the nodes with pods, and on no other", 30)


def test_host_network_pod_has_the_nodes_address(namespace: Namespace) -> None:
    overrides = '{"spec": {"hostNetwork": true, "terminationGracePeriodSeconds": 0}}'
    namespace.ok("run", "host", "--image=busybox", f"--overrides={overrides}", "--", "sleep", "3600")
    namespace.ok("wait", "--for=condition=Ready", "pod/host", "--timeout=60s")
    status = namespace.json("get", "pod", "host")["status"]
    assert status["podIP"] == status["hostIP"]
    node = namespace.json("get", "pod", "host")["spec"]["nodeName"]
    assert status["podIP"] == namespace.cluster.address(node)
