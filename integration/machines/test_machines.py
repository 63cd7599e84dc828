"""A cluster of machines, through what machines go through. The tests build on each other, in this order."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from integration.harness import Namespace, assert_fair, http_get, until
from integration.machines import base
from integration.machines.checks import (
    Hammer,
    all_ready,
    containers,
    node_port,
    runs_a_pod,
    settle,
)
from integration.machines.lab import MASTER, WORKERS, Lab
from integration.machines.nspawn import Machine

pytestmark = pytest.mark.timeout(300)
NEXT_VERSION = "0.1.0.post1"
STATE = "find /etc/kubepy /etc/systemd/system/kubepy* -type f -exec stat -c '%n %Y %s' {} + | sort"


def pids(lab: Lab) -> dict[str, int]:
    return {
        f"{machine.name} {unit}": machine.main_pid(unit)
        for machine in lab.machines.values()
        for unit in lab.services_of(machine)
    }


def test_four_nodes_are_ready_and_the_add_ons_run(lab: Lab) -> None:
    rows = [line.split() for line in lab.master.ok("kubectl", "get", "nodes", "--no-headers").splitlines()]
    assert [row[:3] for row in rows] == [
        [MASTER, "Ready", "control-plane"],
        *([worker, "Ready", "<none>"] for worker in WORKERS),
    ]
    lab.cluster.ok(
        *("wait", "--for=condition=Available", "deployment", "--all"),
        *("--namespace", "kube-system", "--timeout=60s"),
    )
    shown = lab.master.ok("kubectl", "get", "pods", "--all-namespaces", "--no-headers")
    assert {line.split()[1].split("-")[0] for line in shown.splitlines()} >= {"kube", "metrics"}


def test_a_worker_holds_no_secret_but_its_own(lab: Lab) -> None:
    keys = set()
    for machine in lab.workers:
        listed = machine.ok("find", "/etc/kubepy", "-name", "*.key").split()
        assert sorted(listed) == ["/etc/kubepy/pki/kubelet-client.key", "/etc/kubepy/pki/kubelet-serving.key"]
        assert machine.ask("grep", "-rlE", "[a-z0-9]{6}[.][a-z0-9]{16}", "/etc/kubepy").stdout == ""
        keys |= {machine.ok("cat", path) for path in listed}
        modes = machine.ok("stat", "-c", "%a", *listed, f"/etc/kubepy/{machine.name}/kubelet.kubeconfig")
        assert set(modes.split()) == {"600"}
    assert len(keys) == 2 * len(lab.workers)


def test_a_node_may_not_act_as_another(lab: Lab) -> None:
    kubeconfig = "--kubeconfig=/etc/kubepy/w1-k8s/kubelet.kubeconfig"
    kubectl = ("/opt/kubepy/.venv/bin/kubepy", "kubectl", kubeconfig)
    worker = lab.machines["w1-k8s"]
    assert worker.run(*kubectl, "get", "node", "w1-k8s").returncode == 0
    refused = worker.run(*kubectl, "label", "node", "w2-k8s", "a=b")
    assert refused.returncode != 0
    assert "orbidden" in refused.stderr
    assert "orbidden" in worker.run(*kubectl, "get", "secrets", "-n", "kube-system").stderr


def test_everything_run_again_changes_nothing(lab: Lab) -> None:
    before = pids(lab), {m.name: m.ok("sh", "-c", STATE) for m in lab.machines.values()}
    tokens = lab.master.ok("kubepy", "token", "list")
    lab.install(lab.master)
    lab.init()
    assert lab.master.ok("kubepy", "token", "list") == tokens
    worker = lab.machines["w1-k8s"]
    lab.install(worker)
    assert "belongs already" in lab.join(worker)
    assert (pids(lab), {m.name: m.ok("sh", "-c", STATE) for m in lab.machines.values()}) == before


def test_deployment_service_dns_and_node_port_from_outside(lab: Lab, web: Namespace) -> None:
    names = [pod["metadata"]["name"] for pod in web.ready_pods("app=web")]
    assert sorted(pod["spec"]["nodeName"] for pod in web.ready_pods("app=web")) == list(WORKERS)
    for host in ("web", "web.proof.svc.cluster.local"):
        script = f"for i in $(seq 60); do timeout 5 wget -q -O - http://{host}/ || echo FAILED; done"
        assert_fair(Counter(line.split()[0] for line in web.sh("client", script).splitlines()), names, 0.6)
    port = node_port(web)
    for machine in lab.machines.values():
        url = f"http://{machine.address}:{port}/"
        assert_fair(Counter(http_get(url).split()[0] for _ in range(60)), names, 0.7)
    assert "GNU" in lab.cluster.ok("get", "node", "w1-k8s", "-o", "wide")
    assert web.ok("logs", "deployment/web", "--tail=1") is not None


def test_units_are_ready_watched_accounted_and_log_json(lab: Lab) -> None:
    for machine in lab.machines.values():
        for unit in lab.services_of(machine):
            wanted = "-pType,NotifyAccess,WatchdogUSec,MemoryCurrent,CPUAccounting,Restart"
            shown = dict(
                line.split("=", 1)
                for line in machine.ask("systemctl", "show", wanted, unit).stdout.splitlines()
            )
            assert shown["Type"] == "notify"
            assert shown["Restart"] == "always"
            assert shown["CPUAccounting"] == "yes"
            assert int(shown["MemoryCurrent"]) > 0
            if unit.startswith("kubepy-"):
                assert shown["WatchdogUSec"] == "1min"
    last = lab.master.ask("journalctl", "-u", "kubepy-controller-manager", "-o", "cat", "-n", "3").stdout
    assert any(line.startswith("{") and '"level"' in line for line in last.splitlines()), last


def test_a_hung_component_is_restarted_by_its_watchdog(lab: Lab) -> None:
    worker = lab.machines["w2-k8s"]
    worker.ok("mkdir", "-p", "/run/systemd/system/kubepy-proxy.service.d")
    dropin = "/run/systemd/system/kubepy-proxy.service.d/quick.conf"
    worker.ok("sh", "-c", f"printf '[Service]\\nWatchdogSec=3\\n' >{dropin} && systemctl daemon-reload")
    worker.ok("systemctl", "restart", "kubepy-proxy")
    before = worker.main_pid("kubepy-proxy")
    worker.ok("kill", "-STOP", str(before))
    until(
        lambda: worker.active("kubepy-proxy") and worker.main_pid("kubepy-proxy") not in (0, before),
        "another proxy",
        30,
    )
    worker.ok("sh", "-c", f"rm {dropin} && systemctl daemon-reload && systemctl restart kubepy-proxy")


def test_each_service_killed_comes_back_and_no_pod_restarts(lab: Lab, web: Namespace) -> None:
    before = containers(web)
    for machine in (lab.master, lab.machines["w1-k8s"]):
        for unit in lab.services_of(machine):
            pid = machine.main_pid(unit)
            machine.ok("kill", "-9", str(pid))
            until(
                lambda m=machine, u=unit, p=pid: m.main_pid(u) not in (0, p) and m.active(u),
                f"{unit} on {machine.name}",
                40,
            )
    settle(lab, web)
    assert containers(web) == before


def test_certificates_are_renewed_and_no_pod_restarts(lab: Lab, web: Namespace) -> None:
    before = containers(web)
    with Hammer(lab, web) as hammer:
        for machine in (lab.master, lab.machines["w1-k8s"]):
            serials = "cat /etc/kubepy/pki/*.crt /etc/kubepy/*/kubelet.kubeconfig | sha256sum"
            authority = machine.ok("sha256sum", "/etc/kubepy/pki/ca.crt")
            old = machine.ok("sh", "-c", serials)
            assert "nothing to renew" in machine.ok("kubepy", "certs", "renew", "--due")
            assert machine.ok("sh", "-c", serials) == old
            assert "renewed" in machine.ok("kubepy", "certs", "renew")
            assert machine.ok("sh", "-c", serials) != old
            assert machine.ok("sha256sum", "/etc/kubepy/pki/ca.crt") == authority
            assert "364d" in machine.ok("kubepy", "certs", "check")
        for machine in lab.machines.values():
            assert machine.active("kubepy-certs.timer")
            machine.ok("systemctl", "start", "kubepy-certs.service")
            assert "nothing to renew" in machine.journal("kubepy-certs.service")
    lab.take_kubeconfig()
    settle(lab, web)
    assert containers(web) == before
    assert hammer.failures == []


def test_a_rolling_upgrade_restarts_no_pod_and_fails_no_request(lab: Lab, web: Namespace) -> None:
    base.rebuilt(lab.next_wheels(), NEXT_VERSION)
    before = containers(web)
    with Hammer(lab, web) as hammer:
        for machine in lab.machines.values():
            machine.ok("/vagrant/deploy/upgrade.sh", "/shared/next")
            until(lambda: all_ready(lab), "four Ready nodes")
    for machine in lab.machines.values():
        assert NEXT_VERSION in machine.ok("kubepy", "version")
        for unit in lab.services_of(machine):
            if unit.startswith("kubepy-"):
                assert machine.active(unit)
    settle(lab, web)
    assert containers(web) == before
    assert len(hammer.answers) > 100
    assert hammer.failures == []


@pytest.mark.parametrize("name", [*WORKERS, MASTER])
def test_a_machine_reboots(lab: Lab, web: Namespace, name: str) -> None:
    machine = lab.machines[name]
    machine.reboot()
    machine.wait_running()
    settle(lab, web)


def test_all_machines_reboot_at_once(lab: Lab, web: Namespace) -> None:
    for machine in lab.machines.values():
        machine.power_off()
    # workers first: no order of boot is the right one
    lab.boot([*lab.workers, lab.master])
    settle(lab, web, 150)


@pytest.mark.parametrize("name", ["w1-k8s", MASTER])
def test_a_machine_crashes(lab: Lab, web: Namespace, name: str) -> None:
    machine = lab.machines[name]
    web.ok("create", "configmap", f"before-crash-{name}")
    machine.crash()
    assert not machine.active("kubepy-kubelet")
    lab.boot([machine])
    settle(lab, web)
    web.ok("get", "configmap", f"before-crash-{name}")


class TestNodeDrainedResetAndJoinedAgain:
    """On the third worker; refusals are tried while it belongs to nobody."""

    @pytest.fixture
    def worker(self, lab: Lab) -> Machine:
        return lab.machines["w3-k8s"]

    def refused(self, machine: Machine, *command: str) -> str:
        done = machine.run("/vagrant/deploy/worker.sh", machine.address, *command)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert machine.ask("find", "/etc/kubepy", "-name", "*.key").stdout == ""
        return done.stderr

    def test_it_is_drained_and_reset(self, lab: Lab, web: Namespace, worker: Machine) -> None:
        web.cluster.ok("drain", worker.name, "--ignore-daemonsets", "--force", "--delete-emptydir-data")
        until(lambda: len(web.ready_pods("app=web")) == 3, "three web pods elsewhere")
        assert not [p for p in web.pods("app=web") if p["spec"]["nodeName"] == worker.name]
        worker.ok("kubepy", "reset", "--force")
        assert "KUBE-" not in worker.ok("iptables-legacy-save")
        assert "cni0" not in worker.ok("ip", "link")
        assert "10.244." not in worker.ok("ip", "route")
        assert "containerd-shim" not in worker.ok("ps", "-eo", "args")
        assert worker.ask("ls", "-A", "/etc/kubepy").returncode != 0
        assert worker.ok("ls", "-A", "/var/lib/kubepy") == ""
        assert "nothing to remove" in worker.ok("kubepy", "reset", "--force")

    def test_a_name_that_is_taken(self, lab: Lab, worker: Machine) -> None:
        said = self.refused(worker, *lab.join_command())
        assert "a node named w3-k8s is in the cluster already" in said
        assert "kubectl delete node w3-k8s" in said
        lab.cluster.ok("delete", "node", worker.name)

    def test_a_wrong_token(self, lab: Lab, worker: Machine) -> None:
        command = lab.join_command()
        at = command.index("--token") + 1
        token = command[at]
        command[at] = f"{token[:7]}{'0' * 16}"
        assert "the token's second half is not that of the token" in self.refused(worker, *command)
        command[at] = f"zzzzzz{token[6:]}"
        said = self.refused(worker, *command)
        assert "knows no token with the id zzzzzz" in said
        assert "kubepy token create --print-join-command" in said
        command[at] = "nonsense"
        assert "six and sixteen small letters and digits" in self.refused(worker, *command)

    def test_an_expired_and_a_deleted_token(self, lab: Lab, worker: Machine) -> None:
        command = lab.join_command("--ttl", "2s")
        until(
            lambda: command[command.index("--token") + 1] not in lab.master.ok("kubepy", "token", "list"),
            "the expired token is cleaned up",
        )
        assert "or it has expired" in self.refused(worker, *command)
        command = lab.join_command()
        lab.master.ok("kubepy", "token", "delete", command[command.index("--token") + 1])
        until(
            lambda: "or it has expired" in self.refused(worker, *command), "the deleted token is refused", 15
        )

    def test_a_wrong_hash(self, lab: Lab, worker: Machine) -> None:
        command = lab.join_command()
        command[-1] = f"sha256:{'0' * 64}"
        said = self.refused(worker, *command)
        assert "is not the one given: is this the right cluster?" in said

    def test_a_master_that_is_not_there(self, lab: Lab, worker: Machine) -> None:
        command = lab.join_command()
        command[2] = "10.242.7.10:6444"
        assert "does not answer" in self.refused(worker, *command)

    def test_a_port_in_use(self, lab: Lab, worker: Machine) -> None:
        worker.ok("systemd-run", "--unit=squatter", "python3", "-m", "http.server", "10250")
        until(lambda: ":10250" in worker.ok("ss", "-Hltn"), "the squatter listens")
        said = self.refused(worker, *lab.join_command())
        assert "port 10250, which the kubelet needs, is in use by python3 (pid" in said
        worker.ok("systemctl", "stop", "squatter")

    def test_too_small_a_machine(self, lab: Lab, worker: Machine) -> None:
        worker.ok("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", "/var/lib/kubepy")
        said = self.refused(worker, *lab.join_command())
        assert "/var/lib/kubepy has 64 MiB of free space and needs 512" in said
        worker.ok("umount", "/var/lib/kubepy")
        shown = "sed 's/^MemTotal:.*/MemTotal: 262144 kB/' /proc/meminfo >/run/meminfo"
        worker.ok("sh", "-c", f"{shown} && mount --bind /run/meminfo /proc/meminfo")
        said = self.refused(worker, *lab.join_command())
        assert "this machine has 256 MiB of memory and needs 450: give it more" in said
        worker.ok("umount", "/proc/meminfo")

    def test_too_old_a_processor_for_a_master(self, lab: Lab, worker: Machine) -> None:
        shown = "sed 's/ sse4_2//' /proc/cpuinfo >/run/cpuinfo"
        worker.ok("sh", "-c", f"{shown} && mount --bind /run/cpuinfo /proc/cpuinfo")
        done = worker.run("/vagrant/deploy/master.sh", worker.address)
        assert done.returncode == 1
        assert "this machine's processor lacks sse4_2, which the scheduler needs" in done.stderr
        assert worker.ask("ls", "-A", "/etc/kubepy").returncode != 0
        worker.ok("umount", "/proc/cpuinfo")

    def test_one_more_master_of_a_cluster_that_has_one_for_ever(self, lab: Lab, worker: Machine) -> None:
        flags = ("--control-plane", "--certificate-key", "0" * 64)
        done = worker.run(*lab.join_command(), *flags)
        assert done.returncode == 1
        assert "keeps its state in sqlite and has one master" in done.stderr
        assert "kubepy init --etcd" in done.stderr
        refused = lab.master.run("kubepy", "token", "create", "--control-plane")
        assert refused.returncode == 1
        assert "made by kubepy init --etcd" in refused.stderr

    def test_it_joins_again(self, lab: Lab, web: Namespace, worker: Machine) -> None:
        assert "has joined" in lab.join(worker)
        runs_a_pod(web, worker.name)
        settle(lab, web)


def test_nothing_of_the_machines_lies_on_the_host(lab: Lab) -> None:
    """Their rules and routes are in their own namespaces."""
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    assert "10.244." not in routes
