"""What the node and its pods use: read from cgroups of both versions, told in both documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from kubepy.kubelet.stats import cgroups, machine, resource_metrics
from kubepy.kubelet.stats.sample import (
    ContainerSample,
    FileSystem,
    Interface,
    NodeSample,
    PodSample,
    Resources,
)
from kubepy.kubelet.stats.summary import summary
from tests.kubelet.conftest import RealNode
from tests.kubelet.test_node import is_ready, running_pod, sh

SECOND = 1_000_000_000
GI = 1 << 30


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_version_1_keeps_a_tree_per_controller(tmp_path: Path) -> None:
    write(tmp_path / "cpuacct/kubepods/pod1", cpuacct__usage="1500000000\n")
    stat = "rss 1\ntotal_rss 700\ntotal_inactive_file 300\ntotal_pgfault 5\ntotal_pgmajfault 2\n"
    write(tmp_path / "memory/kubepods/pod1", memory__usage_in_bytes="1000\n", memory__stat=stat)
    found = cgroups.read(tmp_path, "/kubepods/pod1", 9.0)
    assert found == Resources(9.0, 1_500_000_000, 700, 1000, 700, 5, 2)
    assert cgroups.read(tmp_path, "/kubepods/pod2", 9.0) is None


def test_version_2_keeps_one_tree(tmp_path: Path) -> None:
    write(tmp_path, cgroup__controllers="cpu memory\n")
    folder = tmp_path / "kubepods/pod1"
    write(folder, memory__current="1000\n", memory__stat="anon 600\ninactive_file 1200\npgfault 5\n")
    write(folder, cpu__stat="usage_usec 1500\nuser_usec 1000\n")
    assert cgroups.read(tmp_path, "/kubepods/pod1", 9.0) == Resources(9.0, 1_500_000, 0, 1000, 600, 5, 0)


def test_the_machine_is_read_from_proc(tmp_path: Path) -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice; a hundred ticks are a second
    write(tmp_path, stat="cpu  100 50 25 9000 400 10 10 5 60 0\ncpu0 1 2 3\nbtime 1700000000\n")
    write(tmp_path, meminfo="MemTotal: 1000 kB\nMemFree: 400 kB\nInactive(file): 100 kB\nAnonPages: 50 kB\n")
    found = machine.resources(tmp_path, 1.0)
    assert found == Resources(1.0, 2 * SECOND, 500 << 10, 600 << 10, 50 << 10)
    assert machine.booted(tmp_path) == 1700000000
    header = "Inter-| Receive | Transmit\n face |bytes ...\n"
    rows = "    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n  eth0: 100 1 2 0 0 0 0 0 200 3 4 0 0 0 0 0\n"
    write(tmp_path / "7/net", dev=header + rows)
    assert machine.interfaces(tmp_path, 7) == (Interface("eth0", 100, 2, 200, 4),)
    assert machine.interfaces(tmp_path, 8) == ()


def test_space_used_is_counted_with_what_is_below(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/file").write_bytes(b"x" * 10_000)
    used, files = machine.used_below(tmp_path)
    assert files == 2
    assert used >= 10_000
    assert machine.used_below(tmp_path / "none") == (0, 0)


def sample(at: float, cpu: int) -> NodeSample:
    container = ContainerSample("c", 50.0, Resources(at, cpu, 100, 200, 50), 4096, 3, 512)
    pod = PodSample(
        "ns", "p", "u1", 40.0, Resources(at, cpu + SECOND, 110, 210, 55), (container,),
        (Interface("eth0", 1, 0, 2, 0),), 2, (("scratch", FileSystem(9, 10, 1)),),
    )  # fmt: skip
    return NodeSample(
        at, "n", 1.0, Resources(at, 3 * cpu, 1000, 2000), GI, (pod,), (), FileSystem(40, 100, 60)
    )


def test_rates_are_of_the_time_between_two_samples() -> None:
    document: Any = summary(sample(110.0, 3 * SECOND), sample(100.0, SECOND))
    pod = document["pods"][0]
    assert document["node"]["cpu"]["usageNanoCores"] == 6 * SECOND // 10
    assert pod["cpu"] == {
        "time": "1970-01-01T00:01:50Z",
        "usageNanoCores": 2 * SECOND // 10,
        "usageCoreNanoSeconds": 4 * SECOND,
    }
    assert pod["containers"][0]["cpu"]["usageNanoCores"] == 2 * SECOND // 10
    assert pod["ephemeral-storage"]["usedBytes"] == 4096 + 512 + 1
    assert pod["network"]["interfaces"] == [
        {"name": "eth0", "rxBytes": 1, "rxErrors": 0, "txBytes": 2, "txErrors": 0}
    ]
    assert document["node"]["memory"]["availableBytes"] == GI - 1000
    first: Any = summary(sample(110.0, SECOND), None)
    assert "usageNanoCores" not in first["node"]["cpu"]


def test_a_restarted_container_has_no_rate_yet() -> None:
    now, before = sample(110.0, SECOND), sample(100.0, 2 * SECOND)
    container = replace(now.pods[0].containers[0], started=105.0)
    now = replace(now, pods=(replace(now.pods[0], containers=(container,)),))
    document: Any = summary(now, before, only_cpu_and_memory=True)
    assert "usageNanoCores" not in document["pods"][0]["containers"][0]["cpu"]
    assert "volume" not in document["pods"][0]


def test_resource_metrics() -> None:
    lines = resource_metrics.text(sample(100.5, 3 * SECOND)).splitlines()
    assert 'container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 3.0 100500' in lines
    assert 'container_start_time_seconds{container="c",namespace="ns",pod="p"} 50.0' in lines
    assert 'pod_memory_working_set_bytes{namespace="ns",pod="p"} 110 100500' in lines
    assert "node_cpu_usage_seconds_total 9.0 100500" in lines
    assert "# TYPE node_cpu_usage_seconds_total counter" in lines
    assert "resource_scrape_error 0" in lines


@pytest.mark.anyio
@pytest.mark.containerd
async def test_a_real_busy_pod_is_seen_to_be_busy(node: RealNode) -> None:
    async def ask(client: Any, path: str) -> bytes:
        return bytes((await client.raw("GET", f"/api/v1/nodes/{node.name}/proxy/{path}", accept="*/*")).body)

    async with running_pod(node, "busy", sh("while :; do :; done")) as (client, until):
        await until(is_ready)

        def busy(text: str) -> float:
            wanted = 'container_cpu_usage_seconds_total{container="c",namespace="default",pod="busy"} '
            line = next((line for line in text.splitlines() if line.startswith(wanted)), f"{wanted}0.0 0")
            return float(line.removeprefix(wanted).split()[0])

        await _eventually(lambda: ask(client, "metrics/resource"), lambda body: busy(body.decode()) > 0.3)
        document = json.loads(await ask(client, "stats/summary"))
        pod = next(p for p in document["pods"] if p["podRef"]["name"] == "busy")
        assert pod["memory"]["workingSetBytes"] > 0
        assert pod["cpu"]["usageCoreNanoSeconds"] > 0.3 * SECOND
        assert document["node"]["cpu"]["usageCoreNanoSeconds"] >= pod["cpu"]["usageCoreNanoSeconds"]
        assert [i["name"] for i in pod["network"]["interfaces"]] == ["eth0"]


async def _eventually(ask: Callable[[], Any], holds: Callable[[Any], bool]) -> None:
    with anyio.fail_after(20):
        while not holds(await ask()):
            await anyio.sleep(0.3)
