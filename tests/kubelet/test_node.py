"""Pods on a real container runtime."""

import os
import signal
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from kubepy.api import resources as r
from kubepy.client import Client
from kubepy.machinery import errors
from tests.kubelet.conftest import RealNode

pytestmark = [pytest.mark.anyio, pytest.mark.containerd]
CGROUPS = Path("/sys/fs/cgroup")


def sh(command: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": "c",
        "image": "busybox",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", command],
        **fields,
    }


@asynccontextmanager
async def running_pod(node: RealNode, name: str, *containers: dict[str, Any], **spec: Any):
    """A pod for the length of the block, in which `until` waits for what a status must say."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {
            "nodeName": node.name,
            "terminationGracePeriodSeconds": 1,
            "containers": list(containers),
            **spec,
        },
    }
    async with node.client() as client:
        await client.create(r.PODS, pod)

        async def until(holds: Callable[[dict[str, Any]], Any], seconds: float = 20) -> dict[str, Any]:
            current: dict[str, Any] = {}
            with anyio.move_on_after(seconds):
                while True:
                    current = await client.get(r.PODS, name, namespace="default")
                    if holds(current.get("status") or {}):
                        return current
                    await anyio.sleep(0.05)
            raise AssertionError(f"not seen within {seconds} s: {current.get('status')}")

        try:
            yield client, until
        finally:
            await gone(client, name)


async def gone(client: Client, name: str) -> None:
    with anyio.fail_after(20):
        try:
            await client.delete(r.PODS, name, namespace="default")
            while True:
                await client.get(r.PODS, name, namespace="default")
                await anyio.sleep(0.05)
        except errors.StatusError as error:
            assert errors.is_not_found(error)  # noqa: PT017 - that it is gone is what is waited for


def first(status: dict[str, Any]) -> dict[str, Any]:
    return (status.get("containerStatuses") or [{}])[0]


def is_ready(status: dict[str, Any]) -> bool:
    return bool(first(status).get("ready"))


async def test_a_pod_with_volumes_and_environment(node: RealNode) -> None:
    command = (
        "cat /cm/key; echo $WHO; test -s /var/run/secrets/kubernetes.io/serviceaccount/token && echo token"
    )
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cm", "namespace": "default"},
        "data": {"key": "one\n"},
    }
    async with node.client() as client:
        await client.create(r.CONFIG_MAPS, config_map)
    container = sh(
        f"{command}; while sleep 0.1; do cat /cm/key > /now/key; done",
        env=[{"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        volumeMounts=[{"name": "cm", "mountPath": "/cm"}, {"name": "e", "mountPath": "/now"}],
    )
    volumes = [{"name": "cm", "configMap": {"name": "cm"}}, {"name": "e", "emptyDir": {}}]
    async with running_pod(node, "volumes", container, volumes=volumes) as (client, until):
        pod = await until(is_ready)
        uid = pod["metadata"]["uid"]
        assert pod["status"]["podIP"].startswith("10.246.0.")
        log = await client.raw("GET", "/api/v1/namespaces/default/pods/volumes/log")
        assert log.body == b"one\nvolumes\ntoken\n"
        await client.patch(r.CONFIG_MAPS, "cm", {"data": {"key": "two\n"}}, namespace="default")
        seen = node.kubelet_root / "pods" / uid / "volumes/kubernetes.io~empty-dir/e/key"
        with anyio.fail_after(10):
            while not seen.exists() or seen.read_text() != "two\n":
                await anyio.sleep(0.1)
        assert list(CGROUPS.rglob(f"pod{uid}"))
    assert not (node.kubelet_root / "pods" / uid).exists()
    assert not list(CGROUPS.rglob(f"pod{uid}"))
    assert uid not in Path("/proc/self/mountinfo").read_text()


async def test_a_crashing_container_backs_off(node: RealNode) -> None:
    container = sh("echo last words > /dev/termination-log; exit 3")
    async with running_pod(node, "crash", container) as (_, until):
        pod = await until(
            lambda s: (first(s).get("state") or {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
        )
        shown = first(pod["status"])
        assert shown["state"]["waiting"]["message"].startswith(
            "back-off 10s restarting failed container=c pod=crash"
        )
        assert shown["restartCount"] == 1
        ended = shown["lastState"]["terminated"]
        assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "last words\n")
        assert pod["status"]["phase"] == "Running"


async def test_pods_that_end(node: RealNode) -> None:
    for command, phase, reason in (("true", "Succeeded", "Completed"), ("false", "Failed", "Error")):
        async with running_pod(node, "ends", sh(command), restartPolicy="Never") as (_, until):
            pod = await until(lambda s, phase=phase: s.get("phase") == phase)
            assert first(pod["status"])["state"]["terminated"]["reason"] == reason


async def test_what_keeps_containers_from_starting(node: RealNode) -> None:
    reference = {"configMapKeyRef": {"name": "nosuch", "key": "k"}}
    cases = [
        (
            sh("true", image="localhost/nosuch:1"),
            "ImagePullBackOff",
            'Back-off pulling image "localhost/nosuch:1"',
        ),
        (
            sh("true", image="localhost/nosuch:1", imagePullPolicy="Never"),
            "ErrImageNeverPull",
            "Container image",
        ),
        (
            sh("true", env=[{"name": "X", "valueFrom": reference}]),
            "CreateContainerConfigError",
            'configmap "nosuch" not found',
        ),
    ]
    for container, reason, message in cases:
        async with running_pod(node, "waits", container) as (_, until):
            pod = await until(
                lambda s, reason=reason: (
                    (first(s).get("state") or {}).get("waiting", {}).get("reason") == reason
                )
            )
            assert first(pod["status"])["state"]["waiting"]["message"].startswith(message)


async def test_probes(node: RealNode) -> None:
    container = sh(
        "sleep 0.5; touch /tmp/ready; sleep 1.5; rm /tmp/ready; sleep 3600",
        readinessProbe={
            "exec": {"command": ["test", "-f", "/tmp/ready"]},
            "periodSeconds": 1,
            "failureThreshold": 1,
        },
    )
    async with running_pod(node, "probed", container) as (_, until):
        await until(lambda s: first(s).get("started") and not is_ready(s))
        await until(is_ready)
        await until(lambda s: not is_ready(s))
    liveness = {"tcpSocket": {"port": 81}, "periodSeconds": 1, "failureThreshold": 1}
    async with running_pod(node, "dies", sh("sleep 3600", livenessProbe=liveness)) as (_, until):
        await until(lambda s: first(s).get("restartCount", 0) > 0)


async def test_containers_survive_kubelet_and_runtime(node: RealNode) -> None:
    async with running_pod(node, "survivor", sh("sleep 3600"), volumes=[]) as (_, until):
        before = first((await until(is_ready))["status"])
        for component in ("kubelet", "containerd"):
            node.kill(component)
            await anyio.sleep(3)
            after = first((await until(is_ready))["status"])
            assert after == before
        # And the kubelet that came back still looks after it.
        uid = (await until(is_ready))["metadata"]["uid"]
        container = before["containerID"].removeprefix("containerd://")
        (members,) = list((CGROUPS / "pids").rglob(f"pod{uid}/{container}/cgroup.procs")) or list(
            CGROUPS.rglob(f"pod{uid}/{container}/cgroup.procs")
        )
        os.kill(int(members.read_text().split()[0]), signal.SIGKILL)
        await until(lambda s: first(s).get("restartCount") == 1 and is_ready(s))


async def test_kubectl_logs_exec_and_their_errors(node: RealNode) -> None:
    async with running_pod(node, "talks", sh("echo a; echo b; sleep 3600")) as (_, until):
        await until(is_ready)

        async def kubectl(*arguments: str) -> Any:
            return await anyio.to_thread.run_sync(lambda: node.kubectl(*arguments))

        assert (await kubectl("logs", "talks", "--tail=1")).stdout == "b\n"
        assert (await kubectl("exec", "talks", "--", "echo", "hi")).stdout == "hi\n"
        assert (await kubectl("exec", "talks", "--", "sh", "-c", "exit 7")).returncode == 7
        missing = await kubectl("logs", "talks", "--previous")
        assert 'previous terminated container "c" in pod "talks" not found' in missing.stderr


async def test_nobody_without_a_right_gets_in(node: RealNode) -> None:
    import ssl

    import aiohttp

    url = "https://10.243.9.10:10250/pods"
    context = ssl.create_default_context(cafile=str(node.paths.pki / "ca.crt"))
    async with aiohttp.ClientSession() as session:
        async with session.get(url, ssl=context) as answer:
            assert answer.status == 401
        context = ssl.create_default_context(cafile=str(node.paths.pki / "ca.crt"))
        pki = node.paths.pki
        context.load_cert_chain(pki / "proxy.crt", pki / "proxy.key")
        async with session.get(url, ssl=context) as answer:
            assert answer.status == 403
