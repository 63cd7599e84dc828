"""`kubepy kubectl` beside stock kubectl on a cluster with real pods: the same bytes, the same exit codes."""

from __future__ import annotations

import re
import subprocess

import pytest

from integration.harness import KUBEPY, STOCK_KUBECTL, Namespace, until
from integration.manifests import CLIENT, WEB

pytestmark = pytest.mark.skipif(STOCK_KUBECTL is None, reason="no stock kubectl to compare with")

AGE = re.compile(r"\b(\d+d)?(\d+h)?(\d+m)?\d+s\b|\bLast(Heartbeat|Transition)?Time\b.*|RenewTime:.*")


@pytest.fixture
def web(namespace: Namespace) -> Namespace:
    namespace.apply(WEB)
    namespace.apply(CLIENT)
    namespace.ok("rollout", "status", "deployment/web", "--timeout=60s")
    namespace.ok("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    return namespace


def both(namespace: Namespace, *arguments: str) -> list[tuple[int, str, str]]:
    """(exit code, stdout, stderr) of stock kubectl and of ours; what shows the time of day is masked."""
    scope = ["--kubeconfig", str(namespace.cluster.kubeconfig), "--namespace", namespace.name]
    results = []
    for program in ([str(STOCK_KUBECTL)], [*KUBEPY, "kubectl"]):
        done = subprocess.run([*program, *scope, *arguments], capture_output=True, text=True, timeout=60)
        results.append((done.returncode, masked(done.stdout), masked(done.stderr)))
    return results


def masked(text: str) -> str:
    """Ages, and the padding that follows their width."""
    return re.sub(r" {2,}", "  ", re.sub(r"\d{2}:\d{2}:\d{2}", "TIME", AGE.sub("AGE", text)))


@pytest.mark.parametrize(
    "command",
    [
        "get nodes -o wide",
        "get pods -o wide",
        "get pods,services,deployments",
        "get deployment web -o yaml",
        "get pods -l app=web -o name",
        "get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName",
        "get endpointslices",
        "describe deployment web",
        "describe service web",
        "describe pod client",
        "describe namespace {namespace}",
        "rollout status deployment/web",
        "rollout history deployment/web",
        "exec client -- sh -c 'echo out; echo err >&2; exit 3'",
        "logs client",
        "get pod nothing",
        "get unknownthings",
        "exec nothing -- true",
    ],
)
def test_equals_stock_kubectl(web: Namespace, command: str) -> None:
    arguments = [a.strip("'") for a in re.findall(r"'[^']*'|\S+", command.format(namespace=web.name))]

    def equal() -> bool:
        stock, ours = both(web, *arguments)
        return stock == ours

    if not equal():  # something may have changed between the two: once more
        stock, ours = both(web, *arguments)
        assert ours == stock


def test_apply_scale_and_delete_by_ours(namespace: Namespace) -> None:
    scope = ["--kubeconfig", str(namespace.cluster.kubeconfig), "--namespace", namespace.name]

    def ours(*arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [*KUBEPY, "kubectl", *scope, *arguments], input=stdin, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert ours("apply", "-f", "-", stdin=WEB).splitlines() == [
        "deployment.apps/web created",
        "service/web created",
    ]
    assert ours("apply", "-f", "-", stdin=WEB).splitlines() == [
        "deployment.apps/web unchanged",
        "service/web unchanged",
    ]
    assert "successfully rolled out" in ours("rollout", "status", "deployment/web")
    ours("scale", "deployment/web", "--replicas=1")
    until(lambda: len(namespace.pods("app=web")) == 1, "one pod", 40)
    ours("delete", "deployment/web", "service/web")
    until(lambda: not namespace.pods("app=web"), "no pods", 40)
