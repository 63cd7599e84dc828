"""Three masters: any one of them may die, by its processes or with its whole machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from integration.conftest import logs
from integration.harness import KUBEPY, Cluster, Namespace, is_ready, processes_in, until
from integration.manifests import WEB
from kubepy.api.resources import CONFIG_MAPS
from kubepy.client import Client, ClientConfig
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import meta
from kubepy.util.backoff import Backoff
from kubepy.util.clock import SystemClock

pytestmark = [
    pytest.mark.skipif(shutil.which("etcd") is None, reason="not installed: etcd (make install)"),
    pytest.mark.timeout(240),
]
LEASE = 15
ETCD_KEYS = "etc/kubepy/pki/etcd"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three masters and two workers beside the session's cluster."""
    found = Cluster(Path(tempfile.mkdtemp(prefix="kp-")), "ha", "10.242.0", masters=3, worker_count=2)
    try:
        done = found.up()
        if done.returncode:
            raise RuntimeError(f"kubepy up failed: {done.stderr}\n{logs(found)}")
        yield found
    finally:
        down = found.kubepy("down", "--purge")
        shutil.rmtree(found.root, ignore_errors=True)
        assert down.returncode == 0, down.stderr
        assert not processes_left(found)


def processes_left(cluster: Cluster) -> str:
    return subprocess.run(["pgrep", "-af", str(cluster.root)], capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def web(cluster: Cluster) -> Namespace:
    """Three pods that should notice nothing."""
    cluster.ok("create", "namespace", "web")
    found = Namespace(cluster, "web")
    until(lambda: found.kubectl("get", "serviceaccount", "default").returncode == 0, "the service account")
    found.apply(WEB)
    found.ok("rollout", "status", "deployment/web", "--timeout=60s")
    return found


class Writer:
    """Creates objects one after the other and notes which were acknowledged, and for how long none was."""

    def __init__(self, namespace: Namespace, prefix: str) -> None:
        self.namespace = namespace
        self.prefix = prefix
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.longest_gap = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def __str__(self) -> str:
        acknowledged, refused = len(self.acknowledged), len(self.refused)
        return f"{acknowledged} acknowledged, {refused} refused, longest gap {self.longest_gap:.1f} s"

    def _run(self) -> None:
        number, last = 0, time.monotonic()
        while not self._stop.is_set():
            number += 1
            name = f"{self.prefix}-{number}"
            done = self.namespace.kubectl(
                "create", "configmap", name, "--from-literal=a=b", "--request-timeout=8s"
            )
            now = time.monotonic()
            if done.returncode == 0:
                self.acknowledged.append(name)
                self.longest_gap = max(self.longest_gap, now - last)
                last = now
            else:
                self.refused.append(done.stderr)


def containers(web: Namespace) -> dict[str, tuple[str, int]]:
    """Pod name -> id of its container and how often it was started again."""
    found = {}
    for pod in web.pods("app=web"):
        (status,) = pod["status"]["containerStatuses"]
        found[pod["metadata"]["name"]] = (status["containerID"], status["restartCount"])
    return found


def stored(web: Namespace, server: str = "") -> set[str]:
    through = ["--server", f"https://{web.cluster.address(server)}:6443"] if server else []
    return {item["metadata"]["name"] for item in web.json("get", "configmaps", *through)["items"]}


def api_endpoints(cluster: Cluster) -> list[str]:
    """Who answers for the Service `kubernetes`; nobody while EndpointSlice and Endpoints differ."""
    slices = cluster.json("get", "endpointslice", "kubernetes")["endpoints"]
    (subset,) = cluster.json("get", "endpoints", "kubernetes")["subsets"]
    addresses = [address for endpoint in slices for address in endpoint["addresses"]]
    return addresses if addresses == [address["ip"] for address in subset["addresses"]] else []


def holder(cluster: Cluster, lease: str) -> str:
    spec = cluster.json("get", "lease", lease, "--namespace", "kube-system")["spec"]
    return str(spec["holderIdentity"])


def leads(cluster: Cluster, lease: str, component: str) -> str:
    """The machine whose component holds a lease; the identity ends with the process id."""
    pid = holder(cluster, lease).rpartition("_")[2]
    for machine in cluster.control_plane:
        try:
            if str(cluster.component(machine, component)) == pid:
                return machine
        except FileNotFoundError:
            continue
    return ""


def etcd_status(cluster: Cluster) -> dict[str, Any]:
    """Machine -> what its etcd member says of itself; nothing of one that does not answer."""
    keys = cluster.root / ETCD_KEYS
    found = {}
    for machine in cluster.control_plane:
        done = subprocess.run(
            [
                *("etcdctl", "--endpoints", f"https://{cluster.address(machine)}:2379"),
                *("--cacert", str(keys / "ca.crt"), "--cert", str(keys / "healthcheck-client.crt")),
                *("--key", str(keys / "healthcheck-client.key"), "--dial-timeout=1s"),
                *("--command-timeout=2s", "endpoint", "status", "-w", "json"),
            ],
            env={"ETCDCTL_API": "3"},
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            found[machine] = json.loads(done.stdout)[0]["Status"]
    return found


def etcd_leader(cluster: Cluster) -> str:
    members = etcd_status(cluster)
    return next((m for m, s in members.items() if s["leader"] == s["header"]["member_id"]), "")


def caught_up(cluster: Cluster) -> bool:
    states = etcd_status(cluster)
    if len(states) < 3:
        return False
    positions = [state["raftIndex"] for state in states.values()]
    return max(positions) - min(positions) < 50


def assert_nothing_lost(web: Namespace, writer: Writer, before: dict[str, tuple[str, int]]) -> None:
    assert set(writer.acknowledged) <= stored(web)
    assert containers(web) == before
    assert len(web.ready_pods("app=web")) == 3


def assert_schedules(web: Namespace, name: str) -> None:
    """A new pod runs: scheduler and controllers have leaders."""
    web.ok("create", "deployment", name, "--image=busybox", "--", "sleep", "3600")
    until(lambda: len(web.ready_pods(f"app={name}")) == 1, "a new Deployment's pod runs", LEASE + 15)
    web.ok("delete", "deployment", name)


def assert_one_leader(cluster: Cluster) -> None:
    found = {leads(cluster, f"kube-{c}", c) for c in ("scheduler", "controller-manager")}
    assert found <= set(cluster.control_plane), found


def test_all_three_serve(cluster: Cluster, web: Namespace) -> None:
    until(lambda: len(api_endpoints(cluster)) == 3, "three endpoints", 20)
    assert api_endpoints(cluster) == [cluster.address(m) for m in cluster.control_plane]
    for machine in cluster.control_plane:
        name = f"through-{machine}"
        server = f"--server=https://{cluster.address(machine)}:6443"
        web.ok("create", "configmap", name, server)
        assert all(name in stored(web, other) for other in cluster.control_plane)
    told = cluster.kubepy("status")
    assert told.returncode == 0, told.stdout
    assert [told.stdout.count(word) for word in ("leader", "follower", "balancer")] == [1, 2, 1]


def test_etcd_lets_nobody_in_without_a_certificate(cluster: Cluster) -> None:
    done = subprocess.run(
        [
            *("etcdctl", "--endpoints", f"https://{cluster.address('m1-k8s')}:2379"),
            *("--cacert", str(cluster.root / ETCD_KEYS / "ca.crt")),
            *("--dial-timeout=2s", "--command-timeout=2s", "get", "/", "--prefix", "--keys-only"),
        ],
        env={"ETCDCTL_API": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "/registry" not in done.stdout


def test_a_master_whose_processes_are_all_killed(cluster: Cluster, web: Namespace) -> None:
    victim, before = etcd_leader(cluster), containers(web)
    survivors = [m for m in cluster.control_plane if m != victim]
    with Writer(web, "killed") as writer:
        time.sleep(2)
        for pid in processes_in(f"{cluster.name}.{victim}"):
            os.kill(pid, signal.SIGKILL)
        until(lambda: etcd_leader(cluster) in survivors, "another etcd member leads", 10)
        until(lambda: len(api_endpoints(cluster)) == 2, "the dead server's endpoint is gone", LEASE + 10)
        assert_schedules(web, "after-the-kill")
        assert leads(cluster, "kube-scheduler", "scheduler") in survivors
        assert cluster.kubepy("status").returncode == 1
        assert_nothing_lost(web, writer, before)
        healed = cluster.up()
        assert healed.returncode == 0, healed.stderr
        until(lambda: caught_up(cluster), "the member has caught up", 20)
    print(f"killed: {writer}")
    assert writer.longest_gap < 8, writer.refused
    assert_nothing_lost(web, writer, before)
    until(lambda: len(api_endpoints(cluster)) == 3, "three endpoints again", 20)
    assert stored(web, victim) == stored(web, survivors[0])


@contextmanager
def unplugged(cluster: Cluster, machine: str) -> Iterator[None]:
    """The machine's cable is out: packets are dropped, connections do not end."""
    index = cluster.nodes.index(machine)
    port = f"kp-{cluster.name}-{index}"
    subprocess.run(["ip", "link", "set", port, "down"], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "link", "set", port, "up"], check=True)


def test_a_master_whose_network_is_gone(cluster: Cluster, web: Namespace) -> None:
    victim, before = leads(cluster, "kube-scheduler", "scheduler"), containers(web)
    survivors = [m for m in cluster.control_plane if m != victim]
    assert victim
    with Writer(web, "unplugged") as writer:
        time.sleep(2)
        with unplugged(cluster, victim):
            until(lambda: len(api_endpoints(cluster)) == 2, "its endpoint is gone", LEASE + 10)
            until(
                lambda: leads(cluster, "kube-scheduler", "scheduler") in survivors,
                "another scheduler leads",
                LEASE + 10,
            )
            assert_schedules(web, "unplugged")
            assert_nothing_lost(web, writer, before)
        until(lambda: caught_up(cluster), "the member has caught up", 20)
        until(lambda: len(api_endpoints(cluster)) == 3, "three endpoints again", 30)
    print(f"unplugged: {writer}")
    assert writer.longest_gap < 12, writer.refused
    assert_nothing_lost(web, writer, before)
    assert stored(web, victim) == stored(web, survivors[0])
    until(lambda: is_ready(cluster.json("get", "node", victim)), f"{victim} is Ready", 30)
    assert_one_leader(cluster)


def test_a_killed_balancer_is_back_at_once(cluster: Cluster, web: Namespace) -> None:
    pid = cluster.component("lb-k8s", "balancer")
    os.kill(pid, signal.SIGKILL)
    until(lambda: cluster.kubectl("get", "--raw", "/readyz").returncode == 0, "the API answers", 10)
    assert cluster.component("lb-k8s", "balancer") != pid


def test_a_member_whose_data_is_lost_joins_anew(cluster: Cluster, web: Namespace) -> None:
    victim = next(m for m in cluster.control_plane if m != etcd_leader(cluster))
    former = etcd_status(cluster)[victim]["header"]["member_id"]
    shutil.rmtree(cluster.root / "var/lib/kubepy/etcd" / victim)
    os.kill(cluster.component(victim, "etcd"), signal.SIGKILL)
    web.ok("create", "configmap", "without-it")
    healed = cluster.up()
    assert healed.returncode == 0, healed.stderr
    until(lambda: caught_up(cluster), "the member has caught up", 20)
    assert etcd_status(cluster)[victim]["header"]["member_id"] != former
    assert "without-it" in stored(web, victim)


class Follower:
    """An informer of ConfigMaps in a thread: one that runs on while the cluster is restored."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.names: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=anyio.run, args=(self._run,))

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        clock = SystemClock()
        config = ClientConfig.from_kubeconfig(self._cluster.kubeconfig)
        async with Client(config, clock=clock) as client, anyio.create_task_group() as tasks:
            factory = SharedInformerFactory(client, clock)
            informer = factory.informer(CONFIG_MAPS, namespace=self._namespace)
            informer.add_handler(
                on_add=lambda obj: self.names.add(meta.name(obj)),
                on_delete=lambda obj: self.names.discard(meta.name(obj)),
            )
            tasks.start_soon(factory.run)
            while not self._stop.is_set():
                await anyio.sleep(0.1)
            tasks.cancel_scope.cancel()
        await anyio.sleep(0.3)  # TLS connections take a moment to close


def uids(cluster: Cluster) -> dict[tuple[str, str, str], str]:
    """What a restore must bring back: the uid of everything that does not come and go by itself."""
    kinds = "namespaces,serviceaccounts,configmaps,deployments,replicasets,services,nodes,clusterroles,pods"
    items = cluster.json("get", kinds, "--all-namespaces")["items"]
    return {
        (i["kind"], i["metadata"].get("namespace", ""), i["metadata"]["name"]): i["metadata"]["uid"]
        for i in items
    }


def test_a_snapshot_restored_into_new_members_brings_everything_back(
    cluster: Cluster, web: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/disaster-recovery.md says it, step by step."""

    def impatient(initial: float, *, cap: float, **options: Any) -> Backoff:
        return Backoff(initial, cap=min(cap, 2.0), **options)  # not up to a minute, as client-go and we do

    monkeypatch.setattr("kubepy.informer.reflector.Backoff", impatient)
    var = cluster.root / "var/lib/kubepy"
    snapshot = str(cluster.root / "cluster.snapshot")
    configuration = str(cluster.root / "etc/kubepy/m1-k8s/apiserver.yaml")
    web.ok("create", "configmap", "kept")
    saved = subprocess.run(
        [*KUBEPY, "snapshot", "save", snapshot, "--config", configuration], capture_output=True, text=True
    )
    assert saved.returncode == 0, saved.stderr
    before = uids(cluster)
    web.ok("create", "configmap", "after-the-snapshot")
    with Follower(cluster, "web") as follower:
        until(lambda: {"kept", "after-the-snapshot"} <= follower.names, "the informer has both")
        assert cluster.kubepy("down").returncode == 0
        (var / "etcd").rename(var / "etcd.lost")
        members = [part for m in cluster.control_plane for part in ("--data", str(var / "etcd" / m))]
        restored = subprocess.run(
            [*KUBEPY, "snapshot", "restore", snapshot, *members], capture_output=True, text=True
        )
        assert restored.returncode == 0, restored.stderr
        up = cluster.up()
        assert up.returncode == 0, up.stderr
        until(lambda: "after-the-snapshot" not in follower.names, "the running informer has listed anew", 30)
        assert "kept" in follower.names
        web.ok("create", "configmap", "later")
        until(lambda: "later" in follower.names, "and follows on")
    after = uids(cluster)
    lost = {key: uid for key, uid in before.items() if after.get(key) != uid and key[0] != "Pod"}
    assert not lost
    assert ("ConfigMap", "web", "after-the-snapshot") not in after
    until(lambda: len(web.ready_pods("app=web")) == 3, "three ready pods")
    assert_schedules(web, "restored")
