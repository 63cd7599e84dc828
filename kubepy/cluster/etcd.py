"""etcd on the masters: keys, configuration files, and how the members are."""

from __future__ import annotations

import json
import os
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import yaml

from kubepy.cluster.https import get
from kubepy.cluster.paths import Paths, write_file
from kubepy.cluster.pki import RENEW_BEFORE, Identity, Pki
from kubepy.cluster.supervisor import read_states
from kubepy.cluster.topology import Machine, Topology
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

CLIENT_PORT = 2379
PEER_PORT = 2380
PATIENCE = 3.0
CALL_PATIENCE = 10.0
STARTS_WITHIN = 15.0
log = get_logger(__name__)


def pki(paths: Paths, now: datetime, renew_before: timedelta = RENEW_BEFORE) -> Pki:
    """A CA of its own, as kubeadm's: who holds a certificate of it reads and writes the whole state."""
    directory = paths.pki / "etcd"
    directory.mkdir(parents=True, exist_ok=True)
    return Pki(directory, now, ca_common_name="etcd-ca", renew_before=renew_before)


def ensure_client(paths: Paths, now: datetime) -> None:
    """The client certificate with which members are asked how they are, and added and removed."""
    _ensure_client(pki(paths, now))


def _ensure_client(keys: Pki) -> None:
    keys.ensure("healthcheck-client", Identity("kube-etcd-healthcheck-client"))


def data_directory(paths: Paths, machine: Machine) -> Path:
    """Outside of the machine's own folders, which go with the machine."""
    return paths.etcd / machine.name


def write_configuration(
    topology: Topology,
    paths: Paths,
    machine: Machine,
    now: datetime,
    renew_before: timedelta = RENEW_BEFORE,
) -> dict[str, Any]:
    """Write one member's files; gives what its API server's configuration says of the storage."""
    keys = pki(paths, now, renew_before)
    addresses = (machine.address, "127.0.0.1")
    # A member is its own client too (its gateway), so the serving certificate is for both ends.
    both_ends = Identity(machine.name, (), ("localhost", machine.name), addresses, server=True)
    serving = keys.ensure(f"server-{machine.name}", both_ends)
    peer = keys.ensure(f"peer-{machine.name}", both_ends)
    _ensure_client(keys)
    client = keys.ensure("apiserver-etcd-client", Identity("kube-apiserver-etcd-client"))
    document = {
        "name": machine.name,
        "data-dir": str(data_directory(paths, machine)),
        "listen-client-urls": ",".join(_url(address, CLIENT_PORT) for address in addresses),
        "advertise-client-urls": _url(machine.address, CLIENT_PORT),
        "listen-peer-urls": peer_url(machine.address),
        "initial-advertise-peer-urls": peer_url(machine.address),
        "initial-cluster": ",".join(
            f"{name}={peer_url(address)}" for name, address in topology.etcd_initial_cluster
        ),
        "initial-cluster-token": topology.name,
        "initial-cluster-state": "existing" if topology.etcd_exists else "new",
        "client-transport-security": _tls(keys, serving.certificate, serving.key),
        "peer-transport-security": _tls(keys, peer.certificate, peer.key),
        "enable-grpc-gateway": True,  # members are replaced through it; off where there is a file like this
        "logger": "zap",
        "log-outputs": ["stderr"],
    }
    etc = paths.machine_etc(machine.name)
    write_file(etc / "etcd.yaml", yaml.safe_dump(document, sort_keys=False))
    # The member on the same machine first: the others are for when it fails.
    servers = (machine, *(other for other in topology.control_plane if other != machine))
    return {
        "storage": "etcd://" + ",".join(f"{m.address}:{CLIENT_PORT}" for m in servers),
        "etcd_ca_file": keys.ca.certificate,
        "etcd_cert_file": client.certificate,
        "etcd_key_file": client.key,
    }


def command(etc: Path) -> list[str]:
    return ["etcd", "--config-file", str(etc / "etcd.yaml")]


def environment() -> dict[str, str]:
    """etcd 3.4 refuses to start on processors besides amd64 unless it is told that one knows."""
    machine = {"aarch64": "arm64", "x86_64": "amd64"}.get(os.uname().machine, os.uname().machine)
    return {} if machine == "amd64" else {"ETCD_UNSUPPORTED_ARCH": machine}


def peer_url(address: str) -> str:
    return _url(address, PEER_PORT)


def _url(address: str, port: int) -> str:
    return f"https://{address}:{port}"


def _tls(keys: Pki, certificate: Path, key: Path) -> dict[str, Any]:
    return {
        "cert-file": str(certificate),
        "key-file": str(key),
        "client-cert-auth": True,
        "trusted-ca-file": str(keys.ca.certificate),
    }


async def replace_lost_members(topology: Topology, paths: Paths, clock: Clock) -> list[Machine]:
    """Let members whose data directory is gone join anew, with nothing; gives their machines.

    etcd refuses a member that has been there before and knows nothing, for it may have voted: it has to be
    taken out of the cluster and added as another one. Call when etcd has been started on all masters. Where
    the others have no majority nothing is done.
    """
    deadline = clock.monotonic() + STARTS_WITHIN
    while True:
        without_log = [machine for machine in topology.control_plane if not _has_log(paths, machine)]
        lost = [machine for machine in without_log if _has_ended(paths, machine)]
        # In a new cluster each makes its log when it starts.
        if lost == without_log or clock.monotonic() > deadline:
            break
        await clock.sleep(0.1)
    replaced = []
    for machine in lost:
        others = [m for m in topology.control_plane if m not in lost]
        if 2 * len(others) > topology.masters and await _replace(machine, others, paths, clock):
            file = paths.machine_etc(machine.name) / "etcd.yaml"
            document = yaml.safe_load(file.read_text()) | {"initial-cluster-state": "existing"}
            write_file(file, yaml.safe_dump(document, sort_keys=False))
            replaced.append(machine)
    return replaced


def _has_log(paths: Paths, machine: Machine) -> bool:
    return any((data_directory(paths, machine) / "member/wal").glob("*.wal"))


def _has_ended(paths: Paths, machine: Machine) -> bool:
    state = read_states(paths.machine_run(machine.name)).get("etcd")
    return state is not None and state.restarts > 0


async def _replace(machine: Machine, others: list[Machine], paths: Paths, clock: Clock) -> bool:
    cluster = EtcdCluster(paths, [other.address for other in others], clock)
    url = peer_url(machine.address)
    try:
        for member in await cluster.members():
            if url in member.get("peerURLs", ()):
                await cluster.call("remove", {"ID": member["ID"]})
        await cluster.call("add", {"peerURLs": [url]})
    except EtcdError as error:
        log.warning("etcd member not replaced", machine=machine.name, error=str(error))
        return False
    return True


class EtcdError(RuntimeError):
    """etcd's members do not answer, or do not do what they are asked."""


class EtcdCluster:
    """etcd's members as a cluster, by those that are at ``addresses``: its Cluster API, as JSON."""

    def __init__(self, paths: Paths, addresses: list[str], clock: Clock) -> None:
        self._tls = _client_tls(paths)
        self._addresses = addresses
        self._clock = clock

    async def members(self) -> list[dict[str, Any]]:
        """ID, name (empty until it has started), peerURLs, clientURLs, and isLearner of those that are."""
        listed = await self.call("list", {})
        return list(listed["members"])

    async def call(self, name: str, message: dict[str, Any]) -> Any:
        """A method; by the first member that does it. Raises EtcdError."""
        problem = "no member is known"
        for address in self._addresses:
            path, body = f"/v3/cluster/member/{name}", json.dumps(message).encode()
            try:
                code, answer = await get(
                    address, CLIENT_PORT, path, self._tls, self._clock, CALL_PATIENCE, post=body
                )
            except (OSError, TimeoutError, ValueError) as error:
                problem = f"etcd {address}: {error or 'no answer in time'}"
                continue
            if code == 200:
                return json.loads(answer)
            problem = f"etcd {address}: {_said(answer)}"
        raise EtcdError(problem)


def _said(answer: bytes) -> str:
    """The sentence of an error."""
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace")


@dataclass(frozen=True)
class MemberStatus:
    """One member as it describes itself; ``problem`` is empty when it is well."""

    machine: Machine
    problem: str
    leader: bool = False
    size_bytes: int = 0


async def members(topology: Topology, paths: Paths, clock: Clock) -> list[MemberStatus]:
    """Ask every member; none for a cluster without etcd."""
    if topology.masters == 1:
        return []
    try:
        tls = _client_tls(paths)
    except OSError as error:
        return [
            MemberStatus(machine, f"{error.filename}: {error.strerror}") for machine in topology.control_plane
        ]
    found: dict[Machine, MemberStatus] = {}

    async def ask(machine: Machine) -> None:
        found[machine] = await _member(machine, tls, clock)

    async with anyio.create_task_group() as tasks:
        for machine in topology.control_plane:
            tasks.start_soon(ask, machine)
    return [found[machine] for machine in topology.control_plane]


def _client_tls(paths: Paths) -> ssl.SSLContext:
    directory = paths.pki / "etcd"
    tls = ssl.create_default_context(cafile=str(directory / "ca.crt"))
    tls.load_cert_chain(directory / "healthcheck-client.crt", directory / "healthcheck-client.key")
    return tls


async def _member(machine: Machine, tls: ssl.SSLContext, clock: Clock) -> MemberStatus:
    try:
        code, body = await get(machine.address, CLIENT_PORT, "/health", tls, clock, PATIENCE)
        if code != 200 or b'"true"' not in body:
            return MemberStatus(machine, "has no leader" if code == 503 else f"unhealthy ({code})")
        _, text = await get(machine.address, CLIENT_PORT, "/metrics", tls, clock, PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        return MemberStatus(machine, str(error) or "does not answer")
    metrics = dict(
        line.rsplit(" ", 1) for line in text.decode().splitlines() if line and not line.startswith("#")
    )
    return MemberStatus(
        machine,
        "",
        leader=metrics.get("etcd_server_is_leader") == "1",
        size_bytes=int(float(metrics.get("etcd_mvcc_db_total_size_in_bytes", "0"))),
    )
