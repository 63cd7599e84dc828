"""Two controller-managers, killed at random while workloads churn: the end is right and comes soon.

Real processes on a real API server, with simulated nodes. Half a minute of it; KUBEPY_FAULT_SECONDS makes it
longer, KUBEPY_FAULT_SEED picks another course.
"""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from kubepy.api.resources import DEPLOYMENTS, JOBS, LEASES, PODS, SERVICE_ACCOUNTS, STATEFUL_SETS
from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.cluster.configuration import Configuration
from kubepy.cluster.paths import Paths
from kubepy.cluster.topology import Topology
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.meta import Obj
from kubepy.simnode import SimNodeConfig, SimulatedNodes
from kubepy.util.clock import SystemClock

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

SECONDS = float(os.environ.get("KUBEPY_FAULT_SECONDS", "30"))
SEED = int(os.environ.get("KUBEPY_FAULT_SEED", "1"))
TAKE_OVER = 15.0
BUSY = 5.0  # what a machine with other work may add: the successor has to be given the processor
COMPLETIONS = 40


class Processes:
    """An API server, a scheduler and two controller-managers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        topology = Topology(name="kill", workers=0, secure_port=port)
        paths = Paths(folder)
        Configuration(topology, paths, datetime.now(UTC)).write()
        self.etc = paths.machine_etc(topology.master.name)
        self.admin = paths.admin_kubeconfig
        self._replace("apiserver.yaml", storage=f"sqlite://{folder}/state.db", bindAddress="127.0.0.1")
        for kubeconfig in (self.admin, *self.etc.glob("*.kubeconfig")):
            text = re.sub(r"server: .*", f"server: https://127.0.0.1:{port}", kubeconfig.read_text())
            kubeconfig.write_text(text)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def _replace(self, name: str, **values: str) -> None:
        text = (self.etc / name).read_text()
        for key, value in values.items():
            text = re.sub(rf"{key}: .*", f"{key}: {value}", text)
        (self.etc / name).write_text(text)

    def start(self, name: str) -> None:
        component = name.rstrip("0123456789")
        command = [sys.executable, "-m", "kubepy", component, "--config", str(self.etc / f"{component}.yaml")]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, name: str) -> int:
        """SIGKILL; the pid it had."""
        process = self.running.pop(name)
        process.kill()
        process.wait()
        return process.pid

    def by_pid(self, pid: int) -> str | None:
        return next((name for name, process in self.running.items() if process.pid == pid), None)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    try:
        yield made
    finally:
        for name in list(made.running):
            made.kill(name)


async def until(condition: Callable[[], Awaitable[Any]], what: str, seconds: float) -> float:
    """Wait for it; how long that took."""
    began = time.monotonic()
    last: Any = None
    while time.monotonic() - began < seconds:
        with suppress(errors.StatusError, ConnectionFailed):
            last = await condition()
            if last:
                return time.monotonic() - began
        await anyio.sleep(0.1)
    raise AssertionError(f"after {seconds:.0f} s still not: {what}; last seen: {last!r}")


def template(image: str = "one", **spec: Any) -> Obj:
    return {
        "metadata": {"labels": {"app": "churn"}},
        "spec": {"containers": [{"name": "c", "image": image}], "terminationGracePeriodSeconds": 1, **spec},
    }


def workload(kind: str, name: str, **spec: Any) -> Obj:
    version = "batch/v1" if kind == "Job" else "apps/v1"
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def job(name: str, mode: str) -> Obj:
    return workload(
        "Job",
        name,
        completions=COMPLETIONS,
        parallelism=8,
        completionMode=mode,
        template=template(restartPolicy="Never"),
    )


def replicated(kind: str, name: str, replicas: int, **spec: Any) -> Obj:
    labels = {"app": "churn", "name": name}
    pods = template()
    pods["metadata"]["labels"] = labels
    return workload(kind, name, replicas=replicas, selector={"matchLabels": labels}, template=pods, **spec)


async def leader(client: Client) -> int:
    """The pid of the controller-manager that leads."""
    lease = await client.get(LEASES, "kube-controller-manager", namespace="kube-system")
    return int(str(lease["spec"].get("holderIdentity") or "_0").rpartition("_")[2])


async def test_the_end_is_right_whoever_dies_meanwhile(processes: Processes) -> None:
    rng = random.Random(SEED)
    processes.start("apiserver")
    async with Client(ClientConfig.from_kubeconfig(processes.admin)) as client:
        await until(lambda: client.raw("GET", "/readyz"), "the API server is ready", 30)
        for name in ("controller-manager1", "controller-manager2", "scheduler"):
            processes.start(name)
        account = until(
            lambda: client.get(SERVICE_ACCOUNTS, "default", namespace="default"), "an account", 30
        )
        await account
        nodes = SimulatedNodes(client, SystemClock(), SimNodeConfig(nodes=4))
        async with anyio.create_task_group() as group:
            group.start_soon(nodes.run)
            take_overs = await churn(client, processes, rng)
            await settled(client)
            group.cancel_scope.cancel()
        await check_jobs(client)
    assert take_overs, "no leader was killed"
    assert max(take_overs) <= TAKE_OVER + BUSY, take_overs


async def churn(client: Client, processes: Processes, rng: random.Random) -> list[float]:
    """Make and change workloads, and kill; how long each take-over took."""
    for mode in ("Indexed", "NonIndexed"):
        await client.create(JOBS, job(mode.lower(), mode))
    await client.create(DEPLOYMENTS, replicated("Deployment", "web", 6))
    await client.create(
        STATEFUL_SETS, replicated("StatefulSet", "db", 3, serviceName="db", podManagementPolicy="Parallel")
    )
    took: list[float] = []
    ends = time.monotonic() + SECONDS
    turn = 0
    while time.monotonic() < ends or not took:
        await anyio.sleep(rng.uniform(1.0, 3.0))
        turn += 1
        image = {"template": {"spec": {"containers": [{"name": "c", "image": f"i{turn}"}]}}}
        change = {"spec": {"replicas": rng.randint(3, 9), **(image if rng.random() < 0.5 else {})}}
        await client.patch(DEPLOYMENTS, "web", change, namespace="default", type="strategic")
        await client.patch(
            STATEFUL_SETS, "db", {"spec": {"replicas": rng.randint(2, 5)}}, namespace="default"
        )
        before = await leader(client)
        victim = processes.by_pid(before) or rng.choice(["controller-manager1", "controller-manager2"])
        if rng.random() < 0.3:
            victim = next(n for n in ("controller-manager1", "controller-manager2") if n != victim)
        if victim not in processes.running:
            continue
        killed = processes.kill(victim)
        if killed == before:

            async def taken_over(old: int = killed) -> bool:
                return await leader(client) not in (0, old)

            took.append(await until(taken_over, "somebody else leads", 3 * TAKE_OVER))
        processes.start(victim)
    return took


async def settled(client: Client) -> None:
    async def jobs_done() -> bool:
        found = (await client.list(JOBS, namespace="default"))["items"]
        return all(conditions.is_true(each, "Complete") for each in found)

    async def as_wished() -> bool:
        for gvr in (DEPLOYMENTS, STATEFUL_SETS):
            for each in (await client.list(gvr, namespace="default"))["items"]:
                spec, status = each["spec"], each.get("status") or {}
                if status.get("observedGeneration") != meta.generation(each):
                    return False
                counts = [status.get(key, 0) for key in ("replicas", "readyReplicas", "updatedReplicas")]
                if counts != [spec["replicas"]] * 3:
                    return False
                pods = await client.list(PODS, namespace="default", label_selector=f"name={meta.name(each)}")
                alive = [meta.name(p) for p in pods["items"] if not meta.is_terminating(p)]
                if len(alive) != spec["replicas"]:
                    return False
        return True

    await until(jobs_done, "the Jobs are complete", 120)
    await until(as_wished, "Deployment and StatefulSet are as their specs say", 120)


async def check_jobs(client: Client) -> None:
    """Every completion was counted once, and no pod twice."""
    for each in (await client.list(JOBS, namespace="default"))["items"]:
        name, status = meta.name(each), each["status"]
        pods = (await client.list(PODS, namespace="default", label_selector=f"job-name={name}"))["items"]
        succeeded = [p for p in pods if p["status"].get("phase") == "Succeeded"]
        assert status["succeeded"] == COMPLETIONS, status
        assert not status.get("uncountedTerminatedPods"), status
        if each["spec"]["completionMode"] == "Indexed":
            assert status["completedIndexes"] == f"0-{COMPLETIONS - 1}"
        else:
            assert len(succeeded) == COMPLETIONS, [meta.name(p) for p in pods]
