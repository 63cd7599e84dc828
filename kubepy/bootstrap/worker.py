"""``kubepy join``: this machine becomes a worker. Run again, it goes on where it was, or changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from kubepy.api.resources import CONFIG_MAPS, NODES
from kubepy.bootstrap import discovery, machine_checks, node_balancer, services, settings, waiting
from kubepy.bootstrap import requests as certificates
from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.invitation import CLUSTER_SETTINGS, SETTINGS_KEY
from kubepy.bootstrap.settings import MIRROR_TLS_PORT, ClusterSettings, WorkerSettings
from kubepy.client import Client, ClientConfig
from kubepy.cluster import containerd, preflight, server_list
from kubepy.cluster.kubeconfigs import write_kubeconfig
from kubepy.cluster.lifecycle import Report
from kubepy.cluster.paths import SECRET_MODE, Paths, write_file
from kubepy.cluster.pki import KeyPair
from kubepy.cluster.topology import Topology
from kubepy.kubelet.config import KubeletConfig
from kubepy.machinery import errors
from kubepy.machinery.errors import StatusError
from kubepy.proxy.config import ProxyConfig
from kubepy.util import config
from kubepy.util.clock import Clock

KUBELET_CLIENT, KUBELET_SERVING = "kubelet-client", "kubelet-serving"


@dataclass(frozen=True)
class Join:
    """What a person tells `kubepy join`; an empty ``node_ip`` is the address towards the API server."""

    endpoint: str
    token: str
    ca_hashes: list[str]
    node_name: str
    node_ip: str = ""


async def join(wanted: Join, paths: Paths, clock: Clock, report: Report) -> bool:
    """Returns whether anything had to be done. Raises BootstrapError and its like."""
    report.step("checks")
    before = settings.read(WorkerSettings, settings.worker_file(paths))
    _check(wanted, paths, before)
    host = wanted.endpoint.rpartition(":")[0].strip("[]")
    node_ip = wanted.node_ip or (before.node_ip if before else "") or settings.own_address(host)
    machine_checks.check_address(node_ip)
    report.done("checks")
    kubeconfig = paths.machine_etc(wanted.node_name) / "kubelet.kubeconfig"
    if not _holds(kubeconfig, paths, wanted.node_name):
        report.step("discovery")
        found = discovery.discover(wanted.endpoint, wanted.token, wanted.ca_hashes, clock)
        report.done("discovery", found.server)
        report.step("identity")
        await _bootstrap(wanted, found, paths, clock, kubeconfig)
        report.done("identity")
    # Not through this machine's balancer, which does not run yet.
    server = f"https://{wanted.endpoint}"
    client_config = replace(ClientConfig.from_kubeconfig(kubeconfig), server=server)
    async with Client(client_config, user_agent="kubepy-join", clock=clock) as client:
        after = before
        if after is None:
            report.step("keys and configuration")
            cluster = await cluster_settings(client)
            servers = await server_list.read(client) if cluster.on_etcd else []
            after = WorkerSettings(wanted.node_name, node_ip, server, cluster, servers)
            if cluster.on_etcd:
                machine_checks.check_ports(machine_checks.BALANCER_PORTS)
            await _register(client, wanted.node_name, node_ip)
            await request_serving(client, paths, clock, after)
            write(after, paths)
            settings.keep(after, settings.worker_file(paths))
            report.done("keys and configuration")
        elif after.cluster.on_etcd:
            after = replace(after, servers=await server_list.read(client))
            write(after, paths)
            settings.keep(after, settings.worker_file(paths))
        report.step("node")
        units = services.units_of(after)
        started = services.start(paths, units, clock, block=False)
        services.keep_renewing()
        await waiting.node_ready(client, wanted.node_name, clock)
        await services.wait_active(units, clock)
        report.done("node")
    return before is None or bool(started)


def write(worker: WorkerSettings, paths: Paths) -> None:
    """The configuration files of a worker; those that are right stay."""
    name, cluster = worker.node_name, worker.cluster
    etc, var = paths.machine_etc(name), paths.machine_var(name)
    network = Topology(service_cidr=cluster.service_cidr, pod_cidr=cluster.pod_cidr)
    serving = _pair(paths, KUBELET_SERVING)
    kubelet = KubeletConfig(
        kubeconfig=etc / "kubelet.kubeconfig",
        node_name=name,
        node_ip=worker.node_ip,
        container_runtime_endpoint=f"unix://{containerd.socket_path(paths, name)}",
        root_directory=var / "kubelet",
        tls_cert_file=serving.certificate,
        tls_private_key_file=serving.key,
        client_ca_file=_ca(paths),
        cluster_dns=[network.dns_service_ip],
        cluster_domain=cluster.cluster_domain,
        cni_conf_dir=containerd.cni_directory(paths, name),
    )
    proxy = ProxyConfig(
        kubeconfig=etc / "kubelet.kubeconfig",
        node_name=name,
        node_ip=worker.node_ip,
        cluster_cidr=cluster.pod_cidr,
    )
    write_file(etc / "kubelet.yaml", config.dump(kubelet))
    write_file(etc / "proxy.yaml", config.dump(proxy))
    write_node_kubeconfig(worker, paths)
    if cluster.on_etcd:
        node_balancer.write(paths, name, worker.servers)
    # containerd tries one after the other
    mirrors = (containerd.remote_mirror(master, MIRROR_TLS_PORT, _ca(paths)) for master in worker.masters)
    containerd.write_configuration(paths, name, "".join(mirrors))
    services.link(paths, name)


def write_node_kubeconfig(worker: WorkerSettings, paths: Paths) -> None:
    """The kubelet's and the proxy's, with the node's certificate as it is now."""
    _write_kubeconfig(
        paths.machine_etc(worker.node_name) / "kubelet.kubeconfig",
        worker.node_server,
        paths,
        worker.node_name,
    )


async def request_client(
    client: Client, server: str, paths: Paths, clock: Clock, node_name: str, kubeconfig: Path
) -> None:
    """A new key and client certificate for the node, and the kubeconfig with them."""
    key, key_pem = certificates.make_key()
    request = certificates.node_request(key, node_name)
    pem = await certificates.request_certificate(
        client, clock, request, certificates.CLIENT_SIGNER, "client auth"
    )
    pair = _pair(paths, KUBELET_CLIENT)
    write_file(pair.key, key_pem, SECRET_MODE)
    write_file(pair.certificate, pem)
    _write_kubeconfig(kubeconfig, server, paths, node_name)


async def request_serving(client: Client, paths: Paths, clock: Clock, worker: WorkerSettings) -> None:
    """A new key and serving certificate for the kubelet."""
    key, key_pem = certificates.make_key()
    request = certificates.node_request(key, worker.node_name, (worker.node_ip,))
    pem = await certificates.request_certificate(
        client, clock, request, certificates.SERVING_SIGNER, "server auth"
    )
    pair = _pair(paths, KUBELET_SERVING)
    write_file(pair.key, key_pem, SECRET_MODE)
    write_file(pair.certificate, pem)


async def _bootstrap(
    wanted: Join, found: discovery.Discovered, paths: Paths, clock: Clock, kubeconfig: Path
) -> None:
    """From the token to a certificate of one's own; the token is not kept."""
    server = f"https://{wanted.endpoint}"  # by TLS it is known to be one of the cluster's
    with_token = ClientConfig(server=server, ca_data=found.ca, token=wanted.token)
    async with Client(with_token, user_agent="kubepy-join", clock=clock) as client:
        await refuse_taken_name(client, wanted.node_name)
        write_file(_ca(paths), found.ca)
        await request_client(client, server, paths, clock, wanted.node_name, kubeconfig)


async def refuse_taken_name(client: Client, node_name: str) -> None:
    """Raises BootstrapError when there is a node of this name."""
    try:
        await client.get(NODES, node_name)
    except StatusError as error:
        if errors.is_not_found(error):
            return
        if error.code == 401:
            raise BootstrapError(f"the token is not valid any more: {discovery.INVITE}") from error
        raise
    raise BootstrapError(
        f"a node named {node_name} is in the cluster already: give this machine another name (hostnamectl "
        "set-hostname, or --node-name), or remove the old node on the master: "
        f"kubectl delete node {node_name}"
    )


async def cluster_settings(client: Client) -> ClusterSettings:
    """As kubepy init published them. Raises BootstrapError."""
    namespace, name = CLUSTER_SETTINGS
    try:
        found = await client.get(CONFIG_MAPS, name, namespace=namespace)
    except StatusError as error:
        raise BootstrapError(
            f"the cluster's settings cannot be read ({error}): was it made by kubepy init?"
        ) from error
    return config.loads(ClusterSettings, found["data"][SETTINGS_KEY], f"{namespace}/{name}")


async def _register(client: Client, node_name: str, node_ip: str) -> None:
    """The Node, with the addresses that its serving certificate may name; the kubelet fills in the rest."""
    addresses = [
        {"type": "InternalIP", "address": node_ip},
        {"type": "Hostname", "address": node_name},
    ]
    node = {"metadata": {"name": node_name}, "status": {"addresses": addresses}}
    try:
        await client.create(NODES, node)
    except StatusError as error:
        if not errors.is_already_exists(error):
            raise


def _check(wanted: Join, paths: Paths, before: WorkerSettings | None) -> None:
    preflight.require_root("kubepy join")
    if settings.master_file(paths).exists() or paths.topology.exists():
        raise BootstrapError("this machine is a cluster's master: kubepy reset first makes it nobody's")
    if before is not None:
        endpoint = before.server.removeprefix("https://")
        if wanted.endpoint not in (endpoint, *before.servers) or wanted.node_name != before.node_name:
            raise BootstrapError(
                f"this machine is {before.node_name}, a worker of the cluster at {endpoint}: kubepy "
                "reset first"
            )
    machine_checks.check_machine(
        "kubepy join",
        paths,
        wanted.node_name,
        memory=machine_checks.WORKER_MEMORY,
        disk=machine_checks.WORKER_DISK,
    )
    services.require_units(services.EVERY)
    if before is None:
        machine_checks.check_ports((machine_checks.KUBELET_PORT,))


def _holds(kubeconfig: Path, paths: Paths, node_name: str) -> bool:
    """Whether an earlier run got this node's certificate."""
    certificate = _pair(paths, KUBELET_CLIENT).certificate
    if not kubeconfig.is_file() or not certificate.is_file():
        return False
    subject = x509.load_pem_x509_certificate(certificate.read_bytes()).subject
    return subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == f"system:node:{node_name}"


def _write_kubeconfig(path: Path, server: str, paths: Paths, node_name: str) -> None:
    pair = _pair(paths, KUBELET_CLIENT)
    write_kubeconfig(path, "kubernetes", server, _ca(paths), f"system:node:{node_name}", pair)


def _pair(paths: Paths, name: str) -> KeyPair:
    return KeyPair(paths.pki / f"{name}.crt", paths.pki / f"{name}.key")


def _ca(paths: Paths) -> Path:
    return paths.pki / "ca.crt"
