"""``kubepy up`` and ``kubepy down``: from nothing to Ready nodes, and back to nothing."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
from anyio import to_thread

from kubepy.api.resources import NODES
from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.cluster import cgroups, containerd, etcd, kubectl_command, mounts, network, preflight, supervisor
from kubepy.cluster.addons.apply import apply as apply_addons
from kubepy.cluster.configuration import CONTROL_PLANE, Configuration, read_topology
from kubepy.cluster.images import build
from kubepy.cluster.images.oci import ImageLayout
from kubepy.cluster.paths import Paths, write_file
from kubepy.cluster.processes import find, read_pidfile, terminate
from kubepy.cluster.status import machine_status
from kubepy.cluster.topology import CGROUPS, Machine, Topology
from kubepy.machinery import conditions, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock, fail_after

READY_WITHIN = 120.0
NOT_READY_YET = frozenset((401, 403, 404, 429, 500, 503, 504))
CNI_RESULTS = Path("/var/lib/cni/results")


class ClusterError(RuntimeError):
    """The cluster could not be brought up or taken down; the message says why and what to do."""


class Report:
    """Told what is going on; the base class keeps silent."""

    def step(self, name: str) -> None:
        """``name`` begins."""

    def done(self, name: str, detail: str = "") -> None:
        """``name`` is finished."""


async def up(topology: Topology, paths: Paths, clock: Clock, report: Report) -> None:
    """Bring the cluster up, or repair it: afterwards every machine runs and every node is Ready."""
    preflight.require_root("kubepy up")
    preflight.check_tools(etcd=topology.masters > 1)
    preflight.check_kernel()
    with _locked(paths):
        _refuse_other_shape(topology, paths)
        refuse_half_removed(paths)
        configuration = Configuration(topology, paths, clock.now())
        async with _stage(report, "images"):
            await to_thread.run_sync(build.ensure, paths.images)
        async with _stage(report, "network"):
            await to_thread.run_sync(network.ensure_network, topology, _host_state(paths))
        async with _stage(report, "keys and configuration"):
            await to_thread.run_sync(configuration.write)
            kubectl_command.ensure(paths)
        async with _stage(report, "machines"):
            await _start_machines(configuration, clock)
        async with _stage(report, "API server"):
            await _wait_for_api(paths, clock)
        config = ClientConfig.from_kubeconfig(paths.admin_kubeconfig)
        async with Client(config, user_agent="kubepy-up", clock=clock) as client:
            async with _stage(report, "add-ons"):
                images = ImageLayout(paths.images)
                await _retry(lambda: apply_addons(client, topology, images), clock)
            async with _stage(report, "nodes"):
                await _wait_for_nodes(client, topology, paths, clock)
                await _label_control_plane(client, topology)


async def down(paths: Paths, clock: Clock, report: Report, *, purge: bool = False) -> None:
    """Take the cluster away; the database, the keys and the images stay unless ``purge``."""
    preflight.require_root("kubepy down")
    topology = read_topology(paths)
    if topology is None:
        if not purge:
            raise ClusterError(
                f"no cluster is laid out below {paths.etc} (kubepy down --purge removes leftovers)"
            )
        _remove_folders([paths.etc, paths.var, paths.run, paths.log])
        return
    with _locked(paths):
        async with _stage(report, "processes"):
            await _stop_machines(topology, paths, clock)
        async with _stage(report, "mounts and devices"):
            await to_thread.run_sync(_remove_machines, topology, paths)
            kubectl_command.remove(paths)
        if purge:
            async with _stage(report, "keys, configuration and data"):
                await to_thread.run_sync(_remove_folders, [paths.etc, paths.var, paths.log])
    _remove_folders([paths.run])


@asynccontextmanager
async def _stage(report: Report, name: str) -> AsyncIterator[None]:
    report.step(name)
    yield
    report.done(name)


@contextmanager
def _locked(paths: Paths) -> Iterator[None]:
    """One ``up`` or ``down`` at a time on one set of folders."""
    paths.run.mkdir(parents=True, exist_ok=True)
    with paths.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ClusterError("another kubepy up or down is at work on this cluster: wait for it") from error
        yield


def _refuse_other_shape(topology: Topology, paths: Paths) -> None:
    existing = read_topology(paths)
    if existing is None or replace(existing, workers=topology.workers) == topology:
        if existing is not None and existing.workers > topology.workers:
            raise ClusterError(
                f"this cluster has {existing.workers} workers: kubepy down first to have {topology.workers}"
            )
        return
    raise ClusterError(
        f"a cluster of another shape is laid out below {paths.etc} (see {paths.topology}): "
        "give the same options, or kubepy down --purge first"
    )


def refuse_half_removed(paths: Paths) -> None:
    """New keys for old data would lock everybody out: that is for a person to decide. Raises ClusterError."""
    ca_key, ca_certificate = paths.pki / "ca.key", paths.pki / "ca.crt"
    data = [path for path in (paths.database, paths.etcd, ca_certificate) if path.exists()]
    if data and not ca_key.exists():
        raise ClusterError(
            f"half of a cluster is here: {data[0]} exists, its key {ca_key} does not; nothing was changed. "
            "Put the key back, or kubepy down --purge to begin anew"
        )


def _host_state(paths: Paths) -> Path:
    return paths.var / "host.json"


async def _start_machines(configuration: Configuration, clock: Clock) -> None:
    """Start the supervisors that do not run, and those whose configuration or program has changed since.

    Of several masters that run, one at a time is restarted: the others keep the API up.
    """
    topology, paths = configuration.topology, configuration.paths
    program = await to_thread.run_sync(build.fingerprint)
    at_once: list[tuple[Machine, str]] = []
    in_turn: list[tuple[Machine, str]] = []
    for machine in topology.everything:
        run = paths.machine_run(machine.name)
        wanted, digest = f"{configuration.digest(machine)} {program}", run / "configuration.digest"
        runs = read_pidfile(run / "supervisor.pid") is not None
        if runs and digest.is_file() and digest.read_text() == wanted:
            continue
        restarted_in_turn = runs and machine.control_plane and topology.masters > 1
        (in_turn if restarted_in_turn else at_once).append((machine, wanted))
    async with anyio.create_task_group() as group:
        for machine, wanted in at_once:
            group.start_soon(_start_machine, configuration, machine, wanted, clock)
    if topology.masters > 1:
        await etcd.replace_lost_members(topology, paths, clock)
    for machine, wanted in in_turn:
        await _wait_for_masters(topology, paths, clock)
        await _start_machine(configuration, machine, wanted, clock)


async def _wait_for_masters(topology: Topology, paths: Paths, clock: Clock) -> None:
    deadline = clock.monotonic() + READY_WITHIN
    while True:
        states = machine_status(topology, paths)
        down = [s.machine.name for s in states if s.machine.control_plane and not s.healthy]
        if not down:
            return
        if clock.monotonic() > deadline:
            names = ", ".join(down)
            raise ClusterError(
                f"not healthy after {READY_WITHIN:.0f} s: {names}; see the logs below {paths.log}"
            )
        await clock.sleep(0.1)


async def _start_machine(configuration: Configuration, machine: Machine, wanted: str, clock: Clock) -> None:
    paths = configuration.paths
    run = paths.machine_run(machine.name)
    await supervisor.stop(run, clock)
    write_file(run / "configuration.digest", wanted)
    log = paths.machine_log(machine.name) / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    namespace = network.NETNS_DIRECTORY / configuration.topology.netns(machine)
    command = [
        sys.executable,
        "-m",
        "kubepy",
        "machine",
        "--config",
        str(configuration.machine_file(machine)),
    ]
    with log.open("ab") as output:
        # nsenter, not `ip netns exec`: the latter hides the cgroup mounts from runc.
        process = subprocess.Popen(
            ["nsenter", f"--net={namespace}", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
        )
    with fail_after(clock, 20.0):
        while read_pidfile(run / "supervisor.pid") is None:
            if process.poll() is not None:
                raise ClusterError(f"machine {machine.name} does not start: see {log}")
            await clock.sleep(0.05)


async def _wait_for_api(paths: Paths, clock: Clock) -> None:
    config = ClientConfig.from_kubeconfig(paths.admin_kubeconfig)
    async with Client(config, user_agent="kubepy-up", clock=clock) as client:
        await _retry(lambda: client.raw("GET", "/readyz"), clock)


async def _retry(call: Callable[[], Awaitable[object]], clock: Clock) -> None:
    """Until the control plane has come up, what it drops or is not ready for is tried again."""
    deadline = clock.monotonic() + READY_WITHIN
    while True:
        try:
            await call()
        except (StatusError, ConnectionFailed, TimeoutError) as error:
            final = isinstance(error, StatusError) and error.code not in NOT_READY_YET
            if final or clock.monotonic() > deadline:
                raise ClusterError(f"the API server does not answer: {error}") from error
            await clock.sleep(0.1)
        else:
            return


async def _wait_for_nodes(client: Client, topology: Topology, paths: Paths, clock: Clock) -> None:
    wanted = {machine.name for machine in topology.everything}
    deadline = clock.monotonic() + READY_WITHIN
    while True:
        nodes = await _nodes(client)
        ready = {meta.name(node) for node in nodes if conditions.is_true(node, "Ready")}
        ready |= {machine.name for machine in topology.everything if machine not in topology.machines}
        # After a `down` the API server still has the nodes as they were: the processes have the last word.
        ready &= {status.machine.name for status in machine_status(topology, paths) if status.healthy}
        if wanted <= ready:
            return
        if clock.monotonic() > deadline:
            absent = ", ".join(sorted(wanted - ready))
            raise ClusterError(
                f"not Ready after {READY_WITHIN:.0f} s: {absent}; see the logs below {paths.log}"
            )
        await clock.sleep(0.1)


async def _nodes(client: Client) -> list[Obj]:
    """The nodes; none while the API server does not answer, as when another master joins."""
    try:
        found: list[Obj] = (await client.list(NODES))["items"]
    except (StatusError, ConnectionFailed, TimeoutError) as error:
        if isinstance(error, StatusError) and error.code not in NOT_READY_YET:
            raise
        return []
    return found


async def _label_control_plane(client: Client, topology: Topology) -> None:
    """Kubelets may not give themselves roles (NodeRestriction), so the admin does."""
    for machine in topology.machines:
        if machine.control_plane:
            await client.patch(NODES, machine.name, {"metadata": {"labels": {CONTROL_PLANE: ""}}})


async def _stop_machines(topology: Topology, paths: Paths, clock: Clock) -> None:
    async with anyio.create_task_group() as group:
        for machine in topology.everything:
            group.start_soon(supervisor.stop, paths.machine_run(machine.name), clock)
    sockets = {str(containerd.socket_path(paths, m.name)) for m in topology.machines}
    shims = find(lambda arguments: "-address" in arguments and not sockets.isdisjoint(arguments))
    contained = [p for m in topology.machines for p in cgroups.processes(topology.cgroup(m))]
    await terminate([*shims, *contained], clock, grace=0.0)


def _remove_machines(topology: Topology, paths: Paths) -> None:
    for machine in topology.everything:
        for folder in (paths.machine_run(machine.name), paths.machine_var(machine.name)):
            mounts.unmount_below(folder)
            _remove_folders([folder])
        _remove_folders([containerd.cni_directory(paths, machine.name)])
        cgroups.remove(topology.cgroup(machine))
    cgroups.remove(topology.cgroup_root)
    cgroups.remove_if_empty(CGROUPS)
    network.remove_network(topology, _host_state(paths))
    _forget_cni_results(paths)


def _forget_cni_results(paths: Paths) -> None:
    """libcni keeps a file per pod outside of the machines' folders."""
    for cached in CNI_RESULTS.glob("*"):
        interfaces = (json.loads(cached.read_text()).get("result") or {}).get("interfaces") or ()
        if any(str(i.get("sandbox", "")).startswith(f"{paths.run}/") for i in interfaces):
            cached.unlink()


def _remove_folders(folders: list[Path]) -> None:
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)
