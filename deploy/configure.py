"""Lays down a machine's keys and configuration, the very files that `kubepy up` writes for its machines.

    configure.py master --shared DIR    on the master: everything, and an archive for each worker in DIR
    configure.py worker --shared DIR    on a worker: unpack its archive
    configure.py addons                 on the master, with the API server up: cluster DNS, the master's role

The units read /etc/kubepy/COMPONENT.yaml; those are links to this machine's files in /etc/kubepy/NAME/.
The archives hold the workers' private keys: whoever reads DIR may act as any worker.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import anyio

from kubepy.api.resources import NODES
from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.cluster.addons.apply import apply
from kubepy.cluster.configuration import CONTROL_PLANE, Configuration, read_topology
from kubepy.cluster.images import build
from kubepy.cluster.images.oci import ImageLayout
from kubepy.cluster.paths import Paths
from kubepy.cluster.topology import Machine, Topology, TopologyError
from kubepy.machinery.errors import StatusError
from kubepy.util.clock import SystemClock, fail_after

COMPONENTS = ("apiserver", "scheduler", "controller-manager", "kubelet", "proxy")
ADDONS_WITHIN = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("master", "worker", "addons"))
    parser.add_argument("--shared", type=Path, help="the folder that master and workers share")
    parser.add_argument(
        "--root", type=Path, default=Path("/"), help="lay the files down below this folder (/)"
    )
    parser.add_argument("--name", default=socket.gethostname(), help="this machine (its host name)")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--subnet", default="192.168.56.0/24", help="master .10, workers .101 and following")
    parser.add_argument("--pod-cidr", default="10.244.0.0/16")
    parser.add_argument("--service-cidr", default="10.96.0.0/12")
    arguments = parser.parse_args()
    if arguments.what != "addons" and arguments.shared is None:
        parser.error("--shared is required")
    paths = Paths(arguments.root)
    try:
        if arguments.what == "master":
            _master(_topology(arguments), paths, arguments.shared)
        elif arguments.what == "worker":
            _worker(arguments.name, paths, arguments.shared)
        else:
            anyio.run(_addons, paths)
    except (OSError, TopologyError, subprocess.CalledProcessError) as error:
        print(f"configure.py {arguments.what}: {error}", file=sys.stderr)
        return 1
    return 0


def _topology(arguments: argparse.Namespace) -> Topology:
    return Topology(
        workers=arguments.workers,
        subnet=arguments.subnet,
        pod_cidr=arguments.pod_cidr,
        service_cidr=arguments.service_cidr,
    )


def _master(topology: Topology, paths: Paths, shared: Path) -> None:
    Configuration(topology, paths, datetime.now(UTC)).write()
    build.ensure(paths.images)
    _link(paths, topology.master.name)
    shared.mkdir(parents=True, exist_ok=True)
    for machine in topology.machines[1:]:
        _pack(paths, machine, shared)


def _pack(paths: Paths, machine: Machine, shared: Path) -> None:
    """What `machine` needs, and nothing with which it could act as another: above all not the CA's key."""
    archive = shared / f"{machine.name}.tar"
    draft = archive.with_suffix(".draft")
    wanted = [
        paths.machine_etc(machine.name),
        paths.pki / "ca.crt",
        paths.pki / f"kubelet-{machine.name}.crt",
        paths.pki / f"kubelet-{machine.name}.key",
        # The same images everywhere: the add-ons name theirs by digest.
        paths.images,
    ]
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for path in wanted:
            tar.add(path, arcname=str(path.relative_to(paths.root)))
    draft.rename(archive)


def _worker(name: str, paths: Paths, shared: Path) -> None:
    archive = shared / f"{name}.tar"
    if not archive.is_file():
        raise FileNotFoundError(f"{archive} is not there: set up the master first")
    # The tar program: Python's own has no filters yet in Debian 12 and warns without them in later versions.
    unpack = [
        "tar",
        "--extract",
        "--same-permissions",
        "--file",
        str(archive),
        "--directory",
        str(paths.root),
    ]
    subprocess.run(unpack, check=True)
    _link(paths, name)


def _link(paths: Paths, name: str) -> None:
    """/etc/kubepy/COMPONENT.yaml and containerd.toml, as the units know them."""
    folder = paths.machine_etc(name)
    targets = {f"{component}.yaml": folder / f"{component}.yaml" for component in COMPONENTS}
    targets["containerd.toml"] = folder / "containerd/config.toml"
    for link_name, target in targets.items():
        link = paths.etc / link_name
        link.unlink(missing_ok=True)
        if target.exists():
            link.symlink_to(target.relative_to(paths.etc))


async def _addons(paths: Paths) -> None:
    topology = read_topology(paths)
    if topology is None:
        raise FileNotFoundError(f"{paths.topology} is not there: this is not the master, or not yet")
    images = ImageLayout(paths.images)
    clock = SystemClock()
    role = {"metadata": {"labels": {CONTROL_PLANE: ""}}}
    with fail_after(clock, ADDONS_WITHIN):
        async with Client(ClientConfig.from_kubeconfig(paths.admin_kubeconfig)) as client:
            while True:
                try:
                    await apply(client, topology, images)
                    await client.patch(NODES, topology.master.name, role)
                except (StatusError, ConnectionFailed) as error:
                    print(f"not yet: {error}", file=sys.stderr)
                    await clock.sleep(2.0)
                else:
                    return


if __name__ == "__main__":
    sys.exit(main())
