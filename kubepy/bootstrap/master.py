"""``kubepy init``: this machine becomes a cluster's master. Run again it repairs; it changes nothing else."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import timedelta

from anyio import to_thread

from kubepy.api.resources import NODES
from kubepy.bootstrap import invitation, machine_checks, node_balancer, services, settings, tokens, waiting
from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.mirror import MirrorConfig
from kubepy.bootstrap.settings import MIRROR_TLS_PORT, ClusterSettings, MasterSettings
from kubepy.client import Client, ClientConfig
from kubepy.cluster import kubectl_command, preflight
from kubepy.cluster.addons.apply import apply as apply_addons
from kubepy.cluster.configuration import CONTROL_PLANE, MIRROR_PORT, Configuration
from kubepy.cluster.images import build
from kubepy.cluster.images.oci import ImageLayout
from kubepy.cluster.kubeconfigs import merge_into_home
from kubepy.cluster.lifecycle import Report, refuse_half_removed
from kubepy.cluster.paths import Paths, write_file
from kubepy.cluster.pki import RENEW_BEFORE, Identity
from kubepy.util import config
from kubepy.util.clock import Clock


@dataclass(frozen=True)
class Invitation:
    """What `kubepy join` needs; ``token`` is empty when this run made none."""

    endpoint: str
    ca_hash: str
    token: str = ""

    def command(self) -> str:
        return (
            f"kubepy join {self.endpoint} --token {self.token} --discovery-token-ca-cert-hash {self.ca_hash}"
        )


async def init(
    wanted: MasterSettings,
    paths: Paths,
    clock: Clock,
    report: Report,
    *,
    token: str = "",
    ttl: timedelta = tokens.DEFAULT_TTL,
) -> Invitation:
    """Keys, configuration, services, add-ons, an invitation. Raises BootstrapError and its like."""
    report.step("checks")
    check(wanted, paths)
    topology = wanted.topology()
    report.done("checks")
    report.step("images")
    await to_thread.run_sync(build.ensure, paths.images)
    report.done("images")
    report.step("keys and configuration")
    settings.keep(wanted, settings.master_file(paths))
    write(wanted, paths, clock)
    kubectl_command.ensure(paths)
    merge_into_home(paths.admin_kubeconfig)
    report.done("keys and configuration")
    report.step("services")
    start(wanted, paths, clock)
    report.done("services")
    client_config = ClientConfig.from_kubeconfig(paths.admin_kubeconfig)
    async with Client(client_config, user_agent="kubepy-init", clock=clock) as client:
        report.step("add-ons")
        await waiting.retried(lambda: client.raw("GET", "/readyz"), clock)
        await waiting.retried(lambda: apply_addons(client, topology, ImageLayout(paths.images)), clock)
        report.done("add-ons")
        report.step("invitation")
        ca = (paths.pki / "ca.crt").read_bytes()
        first = await invitation.publish(
            client, wanted.cluster, topology.endpoint, base64.b64encode(ca).decode()
        )
        made = token or (tokens.generate() if first else "")
        if made and not any(known.text == made for known in await tokens.list_tokens(client)):
            await tokens.create(client, made, clock.now(), ttl, "made by kubepy init")
        report.done("invitation")
        report.step("node")
        await become_node(client, wanted, clock)
        if made:
            await tokens.wait_signed(client, made, clock)
        report.done("node")
    return Invitation(topology.endpoint.removeprefix("https://"), invitation.ca_hash(ca), made)


def start(wanted: MasterSettings, paths: Paths, clock: Clock) -> list[str]:
    """The API server and what it stands on, then the others, which wait for it. Returns those (re)started."""
    first = services.before_clients(wanted)
    rest = tuple(unit for unit in services.units_of(wanted) if unit not in first)
    started = services.start(paths, first, clock)
    started += services.start(paths, rest, clock, block=False)
    services.keep_renewing()
    return started


async def become_node(client: Client, wanted: MasterSettings, clock: Clock) -> None:
    """Wait for the node and all services; give it its role, which kubelets may not (NodeRestriction)."""
    await waiting.node_ready(client, wanted.node_name, clock)
    await client.patch(NODES, wanted.node_name, {"metadata": {"labels": {CONTROL_PLANE: ""}}})
    await services.wait_active(services.units_of(wanted), clock)


def admin_config(wanted: MasterSettings, paths: Paths, clock: Clock, server: str) -> ClientConfig:
    """The administrator at ``server``, with a certificate of the authority that lies here."""
    configuration = Configuration(wanted.topology(), paths, clock.now())
    configuration.write_admin(configuration.pki())
    return replace(ClientConfig.from_kubeconfig(paths.admin_kubeconfig), server=server)


def write(wanted: MasterSettings, paths: Paths, clock: Clock, renew_before: timedelta = RENEW_BEFORE) -> None:
    """All files of a master; those that are right stay."""
    topology = wanted.topology()
    configuration = Configuration(topology, paths, clock.now(), renew_before)
    pki = configuration.pki()
    configuration.write_admin(pki)
    configuration.write_control_plane(pki, topology.master)
    configuration.write_node(pki, topology.master)
    serving = pki.ensure(
        "image-mirror",
        Identity(
            "kubepy-image-mirror",
            (),
            (wanted.node_name,),
            (wanted.advertise_address,),
            server=True,
            client=False,
        ),
    )
    mirror = MirrorConfig(
        images_directory=paths.images,
        local_port=MIRROR_PORT,
        address=wanted.advertise_address,
        port=MIRROR_TLS_PORT,
        tls_cert_file=serving.certificate,
        tls_private_key_file=serving.key,
    )
    write_file(paths.machine_etc(wanted.node_name) / "image-mirror.yaml", config.dump(mirror))
    if wanted.cluster.on_etcd:
        servers = wanted.servers or [wanted.own_server]
        node_balancer.write(paths, wanted.node_name, servers)
    services.link(paths, wanted.node_name)


def settings_for(
    paths: Paths, node_name: str, advertise_address: str, cluster: ClusterSettings | None
) -> MasterSettings:
    """Those given, and for the rest those of an earlier run. Raises BootstrapError when they contradict."""
    before = settings.read(MasterSettings, settings.master_file(paths))
    if before is None:
        address = advertise_address or settings.own_address()
        return MasterSettings(node_name, address, cluster or ClusterSettings())
    same_address = advertise_address in ("", before.advertise_address)
    if before.node_name != node_name or not same_address or cluster not in (None, before.cluster):
        raise BootstrapError(
            f"this machine is the master {before.node_name} at {before.advertise_address} already, set up "
            f"with other values (see {settings.master_file(paths)}): give the same, or kubepy reset first"
        )
    return before


def check(wanted: MasterSettings, paths: Paths, doing: str = "kubepy init") -> None:
    """This machine can be a master. Raises BootstrapError and its like."""
    on_etcd = wanted.cluster.on_etcd
    preflight.require_root(doing)
    if settings.worker_file(paths).exists():
        raise BootstrapError("this machine is a worker of a cluster: kubepy reset first makes it nobody's")
    if paths.topology.exists():
        raise BootstrapError("kubepy up keeps a cluster on this host: kubepy down --purge first")
    machine_checks.check_machine(
        doing,
        paths,
        wanted.node_name,
        memory=machine_checks.MASTER_MEMORY,
        disk=machine_checks.MASTER_DISK,
        etcd=on_etcd,
    )
    machine_checks.check_processor()
    machine_checks.check_address(wanted.advertise_address)
    services.require_units(services.units_of(wanted))
    refuse_half_removed(paths)
    if not settings.master_file(paths).exists():
        ports = (
            ("the API server", wanted.cluster.secure_port),
            machine_checks.KUBELET_PORT,
            ("the image mirror", MIRROR_PORT),
            ("the image mirror", MIRROR_TLS_PORT),
        )
        machine_checks.check_ports((*ports, *(machine_checks.ETCD_PORTS if on_etcd else ())))
