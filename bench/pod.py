"""`python -m bench pod`: from creating a pod to seeing it Running, beside the raw CRI calls.

Both on the same node of the same cluster, in turn: kubepy's time goes from before the POST until a watch
shows phase Running; the floor is RunPodSandbox, CreateContainer and StartContainer on the same containerd
(the pod network is laid by both).
"""

from __future__ import annotations

import argparse
import tempfile
import uuid
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio

from bench.cluster import CannotRun, one_worker
from bench.report import Report
from kubepy.api.resources import PODS, SERVICE_ACCOUNTS
from kubepy.client import Client, ClientConfig
from kubepy.cri.api import messages as m
from kubepy.cri.remote import RemoteRuntime

__all__ = ["SUMMARY", "CannotRun", "add_arguments", "run"]

SUMMARY = "a pod from create to Running; beside the raw CRI calls"
IMAGE = "docker.io/library/busybox:latest"
COMMAND = ["sleep", "3600"]
RUNNING_WITHIN = 60.0
READY_WITHIN = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=15, help="pods, one after another (15)")


async def run(arguments: argparse.Namespace) -> Report:
    """Bring up a cluster, measure, take it away. Raises CannotRun."""
    rounds = 2 if arguments.quick else arguments.rounds
    report = Report("kubepy pod start", "raw CRI")
    started = report.row("start", "create to Running", "s")
    sandbox = report.row("sandbox", "of the raw calls: RunPodSandbox", "s")
    container = report.row("container", "of the raw calls: create, start", "s")
    with tempfile.TemporaryDirectory(prefix="kubepy-bench-") as name:
        async with (
            one_worker(Path(name)) as (kubeconfig, endpoint),
            Client(ClientConfig.from_kubeconfig(kubeconfig)) as client,
            RemoteRuntime(endpoint) as runtime,
        ):
            await _ready(client, runtime)
            for number in range(rounds + 1):
                ours = await _pod(client, f"bench-{number}")
                first, second = await _raw(runtime, Path(name) / "logs")
                if not number:
                    continue  # the first ones also load what is on the disk
                started.kubepy.append(ours)
                started.bare.append(first + second)
                sandbox.bare.append(first)
                container.bare.append(second)
    report.notes.append(f"{rounds} pods one after another, image present, command {' '.join(COMMAND)}")
    return report


async def _ready(client: Client, runtime: RemoteRuntime) -> None:
    """Wait for what a first pod needs: the image on the node and the default service account."""
    with anyio.fail_after(READY_WITHIN):
        await runtime.pull_image(IMAGE)
        while not (await client.list(SERVICE_ACCOUNTS, namespace="default"))["items"]:
            await anyio.sleep(0.1)


async def _pod(client: Client, name: str) -> float:
    """Seconds from the POST to the watch event that says Running; then the pod is taken away."""
    container = {"name": "main", "image": IMAGE, "command": COMMAND, "imagePullPolicy": "IfNotPresent"}
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    listed = await client.list(PODS, namespace="default")
    version = listed["metadata"]["resourceVersion"]
    begin = perf_counter()
    with anyio.fail_after(RUNNING_WITHIN):
        await client.create(PODS, pod, namespace="default")
        events = client.watch(PODS, namespace="default", resource_version=version)
        async for event in events:
            obj = event.object
            if obj["metadata"]["name"] == name and (obj.get("status") or {}).get("phase") == "Running":
                break
        seconds = perf_counter() - begin
        await client.delete(PODS, name, namespace="default", grace_period_seconds=0)
    # What ends must not disturb what is measured next.
    await anyio.sleep(1.5)
    return seconds


async def _raw(runtime: RemoteRuntime, logs: Path) -> tuple[float, float]:
    """Seconds of RunPodSandbox, and of CreateContainer with StartContainer."""
    uid = str(uuid.uuid4())
    config = m.PodSandboxConfig(
        metadata=m.PodSandboxMetadata(name=f"raw-{uid[:8]}", namespace="bench", uid=uid),
        log_directory=str(logs / uid),
        linux=m.LinuxPodSandboxConfig(),
    )
    container = m.ContainerConfig(
        metadata=m.ContainerMetadata(name="main"),
        image=m.ImageSpec(image=IMAGE),
        command=COMMAND,
        log_path="main.log",
        linux=m.LinuxContainerConfig(),
    )
    begin = perf_counter()
    sandbox = await runtime.run_pod_sandbox(config)
    middle = perf_counter()
    try:
        created = await runtime.create_container(sandbox, container, config)
        await runtime.start_container(created)
        end = perf_counter()
    finally:
        await runtime.stop_pod_sandbox(sandbox)
        await runtime.remove_pod_sandbox(sandbox)
    return middle - begin, end - middle
