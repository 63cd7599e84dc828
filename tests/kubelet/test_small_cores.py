"""DNS, hosts files, resources, back-off, log lines, node status."""

from pathlib import Path
from typing import Any

from kubepy.cri import RuntimeCondition, RuntimeVersion
from kubepy.kubelet.config import KubeletConfig, Taint
from kubepy.kubelet.dns import ClusterDNS, ResolvConf, host_name, hosts_file
from kubepy.kubelet.node.facts import MachineFacts
from kubepy.kubelet.node.status import RuntimeHealth, initial_node, may_set_itself, node_conditions
from kubepy.kubelet.pod_workers import newest
from kubepy.kubelet.resources import (
    CgroupResources,
    container_resources,
    milli_to_shares,
    oom_score_adj,
    pod_resources,
)
from kubepy.kubelet.runtime.backoff import ItemBackoff, go_duration
from kubepy.kubelet.runtime.images import find_credentials, registry_of, with_tag
from kubepy.kubelet.server.log_lines import LogEntry, parse_line
from tests.kubelet.builders import container, pod


def test_resolv_conf_by_policy(tmp_path: Path) -> None:
    node = tmp_path / "resolv.conf"
    node.write_text("nameserver 192.0.2.53\nsearch example.org\n")
    dns = ClusterDNS(["10.96.0.10"], "cluster.local", node)
    first = ResolvConf(
        ("10.96.0.10",),
        ("ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.org"),
        ("ndots:5",),
    )
    host = ResolvConf(("192.0.2.53",), ("example.org",))
    assert dns.for_pod(pod()) == first
    assert dns.for_pod(pod(hostNetwork=True)) == host
    assert dns.for_pod(pod(hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet")) == first
    assert dns.for_pod(pod(dnsPolicy="Default")) == host
    own = {"nameservers": ["1.1.1.1"], "searches": ["x"], "options": [{"name": "ndots", "value": "2"}]}
    assert dns.for_pod(pod(dnsPolicy="None", dnsConfig=own)) == ResolvConf(("1.1.1.1",), ("x",), ("ndots:2",))


def test_hosts_file_and_host_name() -> None:
    wanted = pod(hostname="web", hostAliases=[{"ip": "10.1.1.1", "hostnames": ["a", "b"]}])
    assert host_name(wanted) == "web"
    text = hosts_file(wanted, ["10.0.0.5"], "sub.ns.svc.cluster.local")
    assert "10.0.0.5\tweb.sub.ns.svc.cluster.local\tweb\n" in text
    assert text.endswith("# Entries added by HostAliases.\n10.1.1.1\ta\tb\n")
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")


def test_cpu_and_memory_as_the_kernel_takes_them() -> None:
    spec = container(resources={"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "100m"}})
    assert container_resources(spec) == CgroupResources(102, 50_000, 64 << 20)
    assert milli_to_shares(0) == 2
    assert pod_resources(pod(spec, container("unlimited")), "Burstable") == CgroupResources(102, 0, 0)
    assert pod_resources(pod(container()), "BestEffort") == CgroupResources(2, 0, 0)


def test_who_is_killed_first_when_memory_runs_out() -> None:
    spec = container(resources={"requests": {"memory": "1Gi"}})
    assert oom_score_adj(spec, "Guaranteed", 4 << 30) == -997
    assert oom_score_adj(spec, "BestEffort", 4 << 30) == 1000
    assert oom_score_adj(spec, "Burstable", 4 << 30) == 750


def test_back_off_doubles_and_is_forgotten() -> None:
    backoff = ItemBackoff()
    assert backoff.remaining_since("c", event=0, now=1) == 0
    waits = []
    now = 0.0
    for _ in range(7):
        backoff.next("c", now)
        waits.append(backoff.wait_of("c"))
        now += 301
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    assert backoff.remaining_since("c", event=now, now=now + 100) == 200
    backoff.next("c", now + 700)
    assert backoff.wait_of("c") == 10
    assert [go_duration(s) for s in (10, 80, 300)] == ["10s", "1m20s", "5m0s"]


def test_log_lines() -> None:
    full = parse_line(b"2026-01-01T00:00:00.1Z stdout F hello  world\n")
    assert full == LogEntry("2026-01-01T00:00:00.1Z", "stdout", b"hello  world\n")
    assert parse_line(b"2026-01-01T00:00:00.1Z stderr P part\n") == LogEntry(
        "2026-01-01T00:00:00.1Z", "stderr", b"part", True
    )
    assert parse_line(b"2026-01-01T00:00:00.1Z stdout F being writ") is None


def test_image_references() -> None:
    assert with_tag("busybox") == "busybox:latest"
    assert with_tag("localhost:5000/a") == "localhost:5000/a:latest"
    assert with_tag("a@sha256:00") == "a@sha256:00"
    assert registry_of("busybox:1") == "docker.io"
    assert registry_of("localhost/a") == "localhost"
    # {"auths": {"reg.example": {"auth": "dTpw"}}}
    data = "eyJhdXRocyI6IHsicmVnLmV4YW1wbGUiOiB7ImF1dGgiOiAiZFRwdyJ9fX0="
    (auth,) = find_credentials("reg.example/a:1", [{"data": {".dockerconfigjson": data}}])
    assert (auth.username, auth.password) == ("u", "p")
    assert find_credentials("other.example/a:1", [{"data": {".dockerconfigjson": data}}]) == []


def test_readiness_of_a_node() -> None:
    up = RuntimeVersion("containerd", "1.6.20~ds1")
    fine = [RuntimeCondition("RuntimeReady", True), RuntimeCondition("NetworkReady", True)]

    def ready(health: RuntimeHealth) -> tuple[str, str, str]:
        found = node_conditions({}, health)[-1]
        return found["status"], found["reason"], found["message"]

    assert ready(RuntimeHealth()) == ("False", "KubeletNotReady", "container runtime is down")
    assert ready(RuntimeHealth(up, fine)) == ("False", "KubeletNotReady", "node has no pod CIDR yet")
    healthy = RuntimeHealth(up, fine, pod_cidr="10.244.0.0/24", conflist_present=True)
    assert ready(healthy) == ("True", "KubeletReady", "kubelet is posting ready status")
    no_network = [fine[0], RuntimeCondition("NetworkReady", False, "NetworkPluginNotReady", "no cni")]
    assert ready(RuntimeHealth(up, no_network))[2] == (
        "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no cni"
    )


def test_a_node_registers_without_labels_that_are_not_its_own(tmp_path: Path) -> None:
    config = KubeletConfig(
        kubeconfig=tmp_path,
        node_name="w1",
        node_ip="192.0.2.7",
        node_labels={"disk": "ssd", "node-role.kubernetes.io/control-plane": ""},
        register_with_taints=[Taint("a", "NoSchedule")],
    )
    node = initial_node(config, MachineFacts(2, 4 << 30, 10 << 30))
    labels = node["metadata"]["labels"]
    assert labels["kubernetes.io/hostname"] == "w1"
    assert labels["disk"] == "ssd"
    assert "node-role.kubernetes.io/control-plane" not in labels
    assert node["spec"]["taints"] == [{"key": "a", "effect": "NoSchedule"}]
    assert may_set_itself("node.kubernetes.io/instance-type")


def test_of_two_pods_of_one_name_the_newer_one_is_meant() -> None:
    def one(uid: str, name: str = "store-1") -> dict[str, Any]:
        return {"metadata": {"name": name, "namespace": "ns", "uid": uid}}

    pods = [one("going"), one("other", "store-0"), one("new")]
    assert newest(pods, "ns", "store-1") == pods[2]
    assert newest(pods, "ns", "store-1", "going") == pods[0]
    assert newest(pods, "elsewhere", "store-1") is None
