"""``kubepy certs``: how long a machine's certificates last, and new ones. No pod is touched by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from kubepy.bootstrap import master, services, settings, waiting, worker
from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.settings import MasterSettings, WorkerSettings
from kubepy.client import Client, ClientConfig
from kubepy.cluster.kubeconfigs import merge_into_home
from kubepy.cluster.paths import Paths
from kubepy.cluster.pki import CA_YEARS, RENEW_BEFORE
from kubepy.util.clock import Clock

EVERY = timedelta(days=365 * CA_YEARS)
"""Nothing lasts longer: with this, every certificate is due."""


@dataclass(frozen=True)
class Certificate:
    """One file, for whom it is, and when it ends."""

    name: str
    subject: str
    expires: datetime
    authority: bool


def check(paths: Paths) -> list[Certificate]:
    """All certificates of this machine. Raises BootstrapError when it is no cluster's."""
    _require_member(paths)
    return [_read(path, paths) for path in sorted(paths.pki.rglob("*.crt"))]


async def renew(paths: Paths, clock: Clock, *, due_only: bool = False) -> list[str]:
    """Issue anew (with ``due_only`` those that end within 30 days); returns the names of the new ones.

    The services that read them are started anew, one after the other; containers run on meanwhile.
    """
    _require_member(paths)
    before = {path: path.read_bytes() for path in paths.pki.rglob("*.crt")}
    renew_before = RENEW_BEFORE if due_only else EVERY
    as_master = settings.read(MasterSettings, settings.master_file(paths))
    as_worker = settings.read(WorkerSettings, settings.worker_file(paths))
    if as_master is not None:
        master.write(as_master, paths, clock, renew_before)
        merge_into_home(paths.admin_kubeconfig)
    elif as_worker is not None:
        await _renew_worker(as_worker, paths, clock, renew_before)
    changed = [path for path in sorted(paths.pki.rglob("*.crt")) if before.get(path) != path.read_bytes()]
    role = as_master or as_worker
    if changed and role is not None:
        services.start(paths, services.units_of(role), clock)
        kubeconfig = paths.machine_etc(role.node_name) / "kubelet.kubeconfig"
        async with Client(ClientConfig.from_kubeconfig(kubeconfig), clock=clock) as client:
            await waiting.node_ready(client, role.node_name, clock)
    return [_name(path, paths) for path in changed]


async def _renew_worker(current: WorkerSettings, paths: Paths, clock: Clock, renew_before: timedelta) -> None:
    kubeconfig = paths.machine_etc(current.node_name) / "kubelet.kubeconfig"
    limit = clock.now() + renew_before
    async with Client(ClientConfig.from_kubeconfig(kubeconfig), clock=clock) as client:
        # The serving certificate first: the client's stays good for the second request.
        if _read(paths.pki / f"{worker.KUBELET_SERVING}.crt", paths).expires <= limit:
            await worker.request_serving(client, paths, clock, current)
        if _read(paths.pki / f"{worker.KUBELET_CLIENT}.crt", paths).expires <= limit:
            server = current.node_server
            await worker.request_client(client, server, paths, clock, current.node_name, kubeconfig)


def _require_member(paths: Paths) -> None:
    if not (settings.master_file(paths).exists() or settings.worker_file(paths).exists()):
        raise BootstrapError("this machine belongs to no cluster: kubepy init or kubepy join first")


def _name(path: Path, paths: Paths) -> str:
    """As "ca", or "etcd/ca"."""
    return str(path.relative_to(paths.pki).with_suffix(""))


def _read(path: Path, paths: Paths) -> Certificate:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    try:
        authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    return Certificate(
        _name(path, paths), certificate.subject.rfc4514_string(), certificate.not_valid_after_utc, authority
    )
