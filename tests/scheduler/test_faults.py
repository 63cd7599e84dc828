"""Two schedulers as processes, killed without warning again and again while pods come: all get one node each."""

import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import orjson
import pytest

from bench.components import count, kubeconfig, simulated_nodes
from bench.servers import Keys, apiserver
from kubepy.api.resources import LEASES, PODS
from kubepy.client import Client
from kubepy.machinery import meta
from kubepy.scheduler.config import SchedulerConfig
from kubepy.util import config

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]
PODS_IN_ALL = 300
KILLS = 4
ROOM = 20  # pods a node has room for


class Schedulers:
    """Two of them, with leases that are over soon, so that the test is."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self._log = (folder / "schedulers.log").open("ab")
        self._file = folder / "scheduler.yaml"
        settings = SchedulerConfig(
            kubeconfig, lease_duration=3.0, renew_deadline=2.0, retry_period=0.5, log_level="warning"
        )
        self._file.write_text(config.dump(settings))
        self.processes = [self._start(), self._start()]

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "kubepy", "scheduler", "--config", str(self._file)]
        return subprocess.Popen(command, stdout=self._log, stderr=self._log, cwd=Path(__file__).parents[2])

    def kill(self, pid: int) -> None:
        """Kill -9, and start another in its place, as a supervisor would."""
        victim = next(process for process in self.processes if process.pid == pid)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.processes[self.processes.index(victim)] = self._start()

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self._log.close()


async def leader(client: Client, other_than: str = "") -> str:
    """The identity of who holds the lease, once it is somebody else."""
    with anyio.fail_after(60):
        while True:
            page = await client.list(LEASES, namespace="kube-system")
            leases = [lease for lease in page["items"] if meta.name(lease) == "kube-scheduler"]
            holder = leases[0]["spec"].get("holderIdentity") if leases else ""
            if holder and holder != other_than:
                return str(holder)
            await anyio.sleep(0.1)


async def create_pods(client: Client) -> None:
    for number in range(PODS_IN_ALL):
        container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"p{number}", "namespace": "default"},
            "spec": {"containers": [container]},
        }
        await client.create(PODS, pod)
        await anyio.sleep(0.02)


async def watch_bindings(client: Client, seen: dict[str, set[str]]) -> None:
    """Every node that any pod was ever seen on."""
    async for line in client.lines("GET", "/api/v1/pods", params={"watch": "true", "resourceVersion": "0"}):
        pod: Any = orjson.loads(line)["object"]
        if node := (pod.get("spec") or {}).get("nodeName"):
            seen.setdefault(meta.uid(pod), set()).add(node)


async def test_schedulers_killed_under_load_lose_no_pod_and_bind_none_twice(tmp_path: Path) -> None:
    rng = random.Random(5)
    keys = Keys.make(tmp_path / "pki")
    seen: dict[str, set[str]] = {}
    takeovers: list[float] = []
    async with apiserver(tmp_path, keys) as api, Client(keys.client_config(api.port)) as client:
        file = kubeconfig(tmp_path, keys, api.port)
        # Just enough room: a node that were filled over would show.
        flags = ["--clear-not-ready-taint", "--cpu", str(ROOM)]
        account = {"metadata": {"name": "default", "namespace": "default"}}
        body = orjson.dumps({"apiVersion": "v1", "kind": "ServiceAccount", **account})
        headers = {"Content-Type": "application/json"}
        await client.raw("POST", "/api/v1/namespaces/default/serviceaccounts", body=body, headers=headers)
        async with simulated_nodes(PODS_IN_ALL // ROOM, file, tmp_path, client, *flags):
            schedulers = Schedulers(tmp_path, file)
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(watch_bindings, client, seen)
                    async with anyio.create_task_group() as load:
                        holder = await leader(client)
                        load.start_soon(create_pods, client)
                        for _ in range(KILLS):
                            await anyio.sleep(rng.uniform(0.3, 1.5))
                            begin = perf_counter()
                            schedulers.kill(int(holder.rpartition("_")[2]))
                            holder = await leader(client, other_than=holder)
                            takeovers.append(perf_counter() - begin)
                    with anyio.fail_after(60):
                        while len(seen) < PODS_IN_ALL:
                            await anyio.sleep(0.1)
                    group.cancel_scope.cancel()
            finally:
                schedulers.close()
            assert await count(client, "/api/v1/pods") == PODS_IN_ALL
            pods = (await client.list(PODS))["items"]
    assert all(len(nodes) == 1 for nodes in seen.values())
    assert set(Counter(pod["spec"]["nodeName"] for pod in pods).values()) == {ROOM}
    # The lease, the time until the other looks, and what a busy machine adds.
    assert max(takeovers) < 15
