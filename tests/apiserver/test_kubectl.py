"""Stock kubectl against the server."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from .conftest import Cluster, make_default_account

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
]

Kubectl = Callable[..., Awaitable[str]]

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1", ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
"""


@pytest.fixture
async def kubectl(cluster: Cluster, tmp_path: Path) -> Kubectl:
    await make_default_account(cluster.admin)
    config = cluster.kubeconfig(tmp_path)

    async def run(*arguments: str, stdin: str = "", fails: bool = False) -> str:
        command = ["kubectl", f"--kubeconfig={config}", f"--cache-dir={tmp_path}/cache", *arguments]
        done = await anyio.run_process(command, input=stdin.encode(), check=False, stderr=subprocess.STDOUT)
        output = done.stdout.decode()
        assert (done.returncode != 0) is fails, output
        return output

    return run


async def test_apply_get_patch_scale_delete(kubectl: Kubectl) -> None:
    created = await kubectl("apply", "-f", "-", stdin=MANIFEST)
    assert created.splitlines() == [
        "deployment.apps/web created",
        "service/web created",
        "configmap/settings created",
    ]
    unchanged = await kubectl("apply", "-f", "-", stdin=MANIFEST)
    assert all(line.endswith(" unchanged") for line in unchanged.splitlines()), unchanged
    changed = await kubectl("apply", "-f", "-", stdin=MANIFEST.replace("nginx:1", "nginx:2"))
    assert "deployment.apps/web configured" in changed
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert await kubectl("get", "deploy", "web", "-o", image) == "nginx:2"
    columns = (await kubectl("get", "deployment")).splitlines()[0].split()
    assert columns == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert "deployment.apps/web scaled" in await kubectl("scale", "deploy/web", "--replicas=5")
    assert await kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "5"
    patch = '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:3"}]}}}}'
    assert "patched" in await kubectl("patch", "deploy", "web", "-p", patch)
    ports = "jsonpath={.spec.template.spec.containers[0].ports[0].containerPort}"
    assert await kubectl("get", "deploy", "web", "-o", ports) == "80"
    await kubectl("label", "cm", "settings", "tier=front")
    assert "settings" in await kubectl("get", "cm", "-l", "tier=front")
    await kubectl("annotate", "cm", "settings", "note=x")
    assert "deployment.apps" in await kubectl("delete", "-f", "-", stdin=MANIFEST)
    assert "NotFound" in await kubectl("get", "cm", "settings", fails=True)


async def test_apply_prunes_what_is_no_longer_in_the_manifest(kubectl: Kubectl) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {one: '1', two: '2'}\n"
    await kubectl("apply", "-f", "-", stdin=manifest)
    await kubectl("patch", "cm", "a", "--type=merge", "-p", '{"data":{"three":"3"}}')
    await kubectl("apply", "-f", "-", stdin=manifest.replace(", two: '2'", ""))
    data = json.loads(await kubectl("get", "cm", "a", "-o", "json"))["data"]
    assert data == {"one": "1", "three": "3"}


async def test_invalid_manifests_are_refused_with_the_field(kubectl: Kubectl) -> None:
    unknown = MANIFEST.replace("replicas: 2", "replicaz: 2")
    answer = await kubectl("apply", "-f", "-", stdin=unknown, fails=True)
    assert 'strict decoding error: unknown field "spec.replicaz"' in answer
    mismatch = MANIFEST.replace("matchLabels: {app: web}", "matchLabels: {app: db}")
    assert "`selector` does not match template `labels`" in await kubectl(
        "apply", "-f", "-", stdin=mismatch, fails=True
    )


async def test_explain_reads_the_schema(kubectl: Kubectl) -> None:
    text = await kubectl("explain", "deployment.spec.strategy")
    assert "KIND:       Deployment" in text
    assert "rollingUpdate\t<RollingUpdateDeployment>" in text
    assert "VERSION:    v1" in await kubectl("explain", "pod.spec.containers.livenessProbe")
    assert "does not exist" in await kubectl("explain", "pod.spec.nonsense", fails=True)


async def test_discovery(kubectl: Kubectl) -> None:
    rows = {line.split()[0]: line.split() for line in (await kubectl("api-resources")).splitlines()}
    assert rows["pods"] == ["pods", "po", "v1", "true", "Pod"]
    assert rows["deployments"] == ["deployments", "deploy", "apps/v1", "true", "Deployment"]
    assert rows["nodes"][-2:] == ["false", "Node"]
    versions = (await kubectl("api-versions")).split()
    assert {"v1", "apps/v1", "batch/v1", "rbac.authorization.k8s.io/v1"} <= set(versions)
    assert "v1.36" in await kubectl("version")
    assert "is running at" in await kubectl("cluster-info")
    assert await kubectl("get", "--raw", "/readyz") == "ok"
    assert "[+]etcd ok" in await kubectl("get", "--raw", "/livez?verbose")
    assert 'apiserver_request_total{verb="GET"' in await kubectl("get", "--raw", "/metrics")


async def test_get_everything_in_a_category(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=MANIFEST)
    text = await kubectl("get", "all", "-A")
    assert "deployment.apps/web" in text
    assert "service/kubernetes" in text
    wide = await kubectl("get", "svc", "kubernetes", "-o", "wide")
    assert "10.96.0.1" in wide


async def test_get_watch_prints_changes(kubectl: Kubectl, cluster: Cluster) -> None:
    output = ""

    async def watch() -> None:
        nonlocal output
        output = await kubectl("get", "cm", "-w", "--request-timeout=3s", "--output-watch-events")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        with anyio.fail_after(10):
            while not len(cluster.server.streams):
                await anyio.sleep(0.02)
        await cluster.admin.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "new"}})
        await cluster.admin.delete("/api/v1/namespaces/default/configmaps/new")
    assert [line.split()[:2] for line in output.splitlines() if "new" in line] == [
        ["ADDED", "new"],
        ["DELETED", "new"],
    ]


async def test_imperative_commands_speak_protobuf(kubectl: Kubectl) -> None:
    assert "created" in await kubectl("create", "namespace", "team")
    assert "created" in await kubectl("create", "configmap", "c", "--from-literal=a=b")
    assert "created" in await kubectl("create", "deployment", "web", "--image=nginx", "--replicas=3")
    assert await kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "3"
    assert await kubectl("auth", "can-i", "create", "pods") == "yes\n"
    denied = await kubectl("auth", "can-i", "create", "pods", "--as=jane", fails=True)
    assert denied.startswith("no")
    assert "kubernetes-admin" in await kubectl("auth", "whoami")
