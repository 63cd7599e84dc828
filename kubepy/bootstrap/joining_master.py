"""``kubepy join --control-plane``: this machine becomes one more master of a cluster on etcd.

Run again, it goes on where it was, or changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from anyio import to_thread

from kubepy.bootstrap import discovery, etcd_member, master, services, settings, shared_keys, waiting
from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.settings import ETCD, MasterSettings
from kubepy.bootstrap.worker import Join, cluster_settings, refuse_taken_name
from kubepy.client import Client, ClientConfig
from kubepy.cluster import etcd, kubectl_command, preflight, server_list
from kubepy.cluster.images import build
from kubepy.cluster.kubeconfigs import merge_into_home
from kubepy.cluster.lifecycle import Report
from kubepy.cluster.paths import Paths
from kubepy.util.clock import Clock


@dataclass(frozen=True)
class Joined:
    """``changed``: whether anything had to be done; ``voters``: how many members of etcd vote now."""

    changed: bool
    voters: int


async def join(wanted: Join, certificate_key: str, paths: Paths, clock: Clock, report: Report) -> Joined:
    """Keys from the other masters, a member of etcd, services, a node. Raises BootstrapError and its like."""
    preflight.require_root("kubepy join")
    before = settings.read(MasterSettings, settings.master_file(paths))
    _refuse_another(wanted, before)
    current = before or await _prepare(wanted, certificate_key, paths, clock, report)
    report.step("keys and configuration")
    master.write(current, paths, clock)
    kubectl_command.ensure(paths)
    merge_into_home(paths.admin_kubeconfig)
    report.done("keys and configuration")
    report.step("etcd")
    started = services.start(paths, (services.ETCD,), clock, block=False)
    voters = await etcd_member.vote(current, paths, clock) if current.etcd_members else 1
    report.done("etcd", f"{voters} members")
    report.step("services")
    started += master.start(current, paths, clock)
    report.done("services")
    report.step("node")
    client_config = ClientConfig.from_kubeconfig(paths.admin_kubeconfig)
    async with Client(client_config, user_agent="kubepy-join", clock=clock) as client:
        await waiting.retried(lambda: client.raw("GET", "/readyz"), clock)
        await master.become_node(client, current, clock)
    report.done("node")
    return Joined(before is None or bool(started), voters)


async def _prepare(
    wanted: Join, certificate_key: str, paths: Paths, clock: Clock, report: Report
) -> MasterSettings:
    """Up to the member of etcd, which is added as the last: from then on the settings tell what to do."""
    report.step("discovery")
    shared_keys.check(certificate_key)
    found = discovery.discover(wanted.endpoint, wanted.token, wanted.ca_hashes, clock)
    report.done("discovery")
    report.step("checks")
    host = wanted.endpoint.rpartition(":")[0].strip("[]")
    address = wanted.node_ip or settings.own_address(host)
    with_token = ClientConfig(server=f"https://{wanted.endpoint}", ca_data=found.ca, token=wanted.token)
    async with Client(with_token, user_agent="kubepy-join", clock=clock) as client:
        await refuse_taken_name(client, wanted.node_name)
        cluster = await cluster_settings(client)
        if not cluster.on_etcd:
            raise BootstrapError(
                f"the cluster at {wanted.endpoint} keeps its state in {cluster.storage} and has one master: "
                f"only one that was made by kubepy init --{ETCD} may have more"
            )
        master.check(MasterSettings(wanted.node_name, address, cluster), paths, "kubepy join")
        keys = await shared_keys.fetch(client, certificate_key)
    if keys["ca.crt"] != found.ca:
        raise BootstrapError(f"the masters' keys are not those of this cluster: {shared_keys.AGAIN}")
    report.done("checks")
    report.step("images")
    await to_thread.run_sync(build.ensure, paths.images)
    report.done("images")
    shared_keys.write(keys, paths)
    etcd.ensure_client(paths, clock.now())
    alone = MasterSettings(wanted.node_name, address, cluster)
    servers = await _servers(alone, wanted.endpoint, paths, clock)
    others = [server.rpartition(":")[0].strip("[]") for server in servers]
    members = await etcd_member.add(wanted.node_name, address, others, paths, clock)
    own = alone.own_server
    current = MasterSettings(
        wanted.node_name, address, cluster, members, [own, *(s for s in servers if s != own)]
    )
    settings.keep(current, settings.master_file(paths))
    return current


async def _servers(alone: MasterSettings, endpoint: str, paths: Paths, clock: Clock) -> list[str]:
    """The other masters' API servers, as the cluster lists them; asked with a certificate made for it."""
    config = master.admin_config(alone, paths, clock, f"https://{endpoint}")
    async with Client(config, user_agent="kubepy-join", clock=clock) as client:
        listed = await server_list.read(client)
    return [server for server in listed if server != alone.own_server]


def _refuse_another(wanted: Join, before: MasterSettings | None) -> None:
    if before is None:
        return
    if wanted.node_name != before.node_name or wanted.node_ip not in ("", before.advertise_address):
        raise BootstrapError(
            f"this machine is the master {before.node_name} at {before.advertise_address}: kubepy reset first"
        )
