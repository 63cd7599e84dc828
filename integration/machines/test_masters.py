"""Three masters on etcd, and a worker that must not notice when one of them dies."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from integration.harness import Namespace, until
from integration.machines.checks import all_ready, runs_a_pod
from integration.machines.conftest import set_up
from integration.machines.lab import MASTER, MASTERS, Lab
from integration.machines.nspawn import Machine

pytestmark = pytest.mark.timeout(300)
WORKER = "w1-k8s"
STATE = "find /etc/kubepy -type f -exec stat -c '%n %Y %s' {} + | sort"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with set_up(masters=3, workers=1) as found:
        yield found


@pytest.fixture(scope="module")
def proof(lab: Lab) -> Namespace:
    lab.cluster.ok("create", "namespace", "proof")
    return Namespace(lab.cluster, "proof")


def members(machine: Machine) -> dict[str, dict[str, Any]]:
    """etcd's members by name, asked of the one on this machine."""
    keys = "/etc/kubepy/pki/etcd"
    client = f"--cert {keys}/healthcheck-client.crt --key {keys}/healthcheck-client.key"
    url = f"https://{machine.address}:2379/v3/cluster/member/list"
    said = machine.ok("sh", "-c", f"curl -sS --cacert {keys}/ca.crt {client} -X POST -d {{}} {url}")
    return {member["name"]: member for member in json.loads(said)["members"]}


def endpoints(lab: Lab) -> list[str]:
    done = lab.cluster.kubectl("get", "endpointslices", "kubernetes", "-o", "json")
    listed = json.loads(done.stdout)["endpoints"] if done.returncode == 0 else []
    return sorted(address for endpoint in listed for address in endpoint["addresses"])


def settle(lab: Lab, proof: Namespace) -> None:
    for machine in lab.machines.values():
        for unit in lab.services_of(machine):
            until(lambda m=machine, u=unit: m.active(u), f"{unit} on {machine.name}", 90)
    until(lambda: all_ready(lab), "Ready nodes", 90)
    until(lambda: len(endpoints(lab)) == len(lab.masters), "an endpoint for each API server", 30)
    runs_a_pod(proof, WORKER)


def test_three_masters_and_a_worker_are_ready(lab: Lab, proof: Namespace) -> None:
    settle(lab, proof)
    rows = [line.split() for line in lab.master.ok("kubectl", "get", "nodes", "--no-headers").splitlines()]
    assert sorted(row[:3] for row in rows) == sorted(
        [*([name, "Ready", "control-plane"] for name in MASTERS), [WORKER, "Ready", "<none>"]]
    )
    for machine in lab.masters:
        found = members(machine)
        assert sorted(found) == sorted(MASTERS)
        assert not any(member.get("isLearner") for member in found.values())
    assert endpoints(lab) == [machine.address for machine in lab.masters]


def test_the_masters_keys_lie_on_masters_only_and_their_secret_goes_with_the_token(lab: Lab) -> None:
    keys = lab.machines[WORKER].ok("find", "/etc/kubepy", "-name", "*.key").split()
    assert sorted(keys) == ["/etc/kubepy/pki/kubelet-client.key", "/etc/kubepy/pki/kubelet-serving.key"]
    command = lab.join_command("--control-plane")
    secret = ("get", "secret", "kubepy-certs", "--namespace", "kube-system")
    shown = lab.cluster.ok(*secret, "-o", "json")
    assert command[-1] not in shown
    assert lab.master.ok("cat", "/etc/kubepy/pki/sa.pub") not in shown
    lab.master.ok("kubepy", "token", "delete", command[command.index("--token") + 1])
    until(lambda: "NotFound" in lab.cluster.kubectl(*secret).stderr, "the Secret is collected", 30)


def test_everything_run_again_changes_nothing(lab: Lab) -> None:
    def state() -> dict[str, Any]:
        return {
            machine.name: (
                machine.ok("sh", "-c", STATE),
                [machine.main_pid(unit) for unit in lab.services_of(machine)],
            )
            for machine in lab.machines.values()
        }

    before = state()
    lab.init()
    second = lab.masters[1]
    assert "belongs already" in lab.join_master(second)
    assert "belongs already" in lab.join(lab.machines[WORKER])
    assert state() == before


def test_a_master_dies_and_nodes_and_writes_go_on(lab: Lab, proof: Namespace) -> None:
    """The one by way of which everybody has joined."""
    lab.take_kubeconfig(lab.masters[1])
    lab.master.crash()
    started = time.monotonic()
    until(lambda: proof.kubectl("create", "configmap", "after-the-crash").returncode == 0, "a write", 30)
    assert time.monotonic() - started < 20
    runs_a_pod(proof, WORKER)
    until(lambda: endpoints(lab) == [m.address for m in lab.masters[1:]], "its endpoint goes", 40)
    worker = lab.machines[WORKER]
    kubeconfig = f"--kubeconfig=/etc/kubepy/{WORKER}/kubelet.kubeconfig"
    for _ in range(10):  # each by a connection of its own
        assert worker.ok("kubepy", "kubectl", kubeconfig, "get", "node", WORKER)
    lab.boot([lab.master])
    settle(lab, proof)
    lab.take_kubeconfig()
    assert "after-the-crash" in proof.ok("get", "configmaps")


def test_certificates_are_renewed_and_etcd_needs_no_restart(lab: Lab, proof: Namespace) -> None:
    for machine, certificate in (
        (lab.masters[1], f"etcd/server-{MASTERS[1]}.crt"),
        (lab.machines[WORKER], "kubelet-client.crt"),
    ):
        path = f"/etc/kubepy/pki/{certificate}"
        before = machine.ok("sha256sum", path), machine.main_pid("kubepy-etcd")
        assert "renewed" in machine.ok("kubepy", "certs", "renew")
        assert machine.ok("sha256sum", path) != before[0]
        assert machine.main_pid("kubepy-etcd") == before[1]  # it reads them at each connection
    settle(lab, proof)


def test_an_upgraded_master_comes_back_while_the_others_serve(lab: Lab, proof: Namespace) -> None:
    third = lab.masters[2]
    pids = {unit: third.main_pid(unit) for unit in lab.services_of(third)}
    third.ok("/vagrant/deploy/upgrade.sh", "/shared/wheels")
    restarted = {unit for unit, pid in pids.items() if third.main_pid(unit) != pid}
    assert restarted == set(pids) - {"containerd", "kubepy-etcd"}
    settle(lab, proof)


class TestAMasterLeavesAndJoinsAgain:
    @pytest.fixture
    def third(self, lab: Lab) -> Machine:
        return lab.masters[2]

    def test_reset_takes_its_member_out(self, lab: Lab, third: Machine) -> None:
        assert "removed from etcd, which has 2 members left" in third.ok("kubepy", "reset", "--force")
        assert sorted(members(lab.master)) == sorted(MASTERS[:2])
        assert third.ask("ls", "-A", "/etc/kubepy").returncode != 0
        assert third.ok("ls", "-A", "/var/lib/kubepy") == ""
        until(lambda: len(endpoints(lab)) == 2, "its endpoint goes", 30)
        lab.cluster.ok("delete", "node", third.name)

    def test_with_a_wrong_certificate_key_it_gets_no_keys(self, lab: Lab, third: Machine) -> None:
        command = lab.join_command("--control-plane")
        for key, refusal in (("0" * 64, "does not open the masters' keys"), ("abc", "64 hexadecimal digits")):
            done = third.run("/vagrant/deploy/master.sh", third.address, *command[:-1], key)
            assert done.returncode == 1
            assert refusal in done.stderr
            assert "Traceback" not in done.stderr
        without = lab.join_command()  # a token, and the Secret of the command before
        done = third.run(*without, "--control-plane", "--certificate-key", "0" * 64)
        assert "does not open the masters' keys" in done.stderr
        assert third.ask("find", "/etc/kubepy", "-name", "*.key").stdout == ""
        assert sorted(members(lab.master)) == sorted(MASTERS[:2])

    def test_it_joins_again_by_way_of_another_master(
        self, lab: Lab, third: Machine, proof: Namespace
    ) -> None:
        command = lab.join_command("--control-plane")
        command[2] = f"{lab.masters[1].address}:6443"
        assert "has joined" in lab.join_master(third, command)
        found = members(third)
        assert sorted(found) == sorted(MASTERS)
        assert not any(member.get("isLearner") for member in found.values())
        settle(lab, proof)
        assert MASTER in found
