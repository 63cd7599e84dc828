"""Build the cluster's own images (pause, busybox, kubepy) and load them on its machines.

`build` keeps them as an OCI image layout; `load` has each running machine's containerd pull them from its
machine's mirror, so that pods start without a pull; `list` shows them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from kubepy.cluster.configuration import read_topology
from kubepy.cluster.images import build
from kubepy.cluster.images.load import load
from kubepy.cluster.images.oci import ImageLayout
from kubepy.cluster.images.recipes import BuildError
from kubepy.cmd.locations import add_root_argument, paths_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_root_argument(parser)
    parser.add_argument("action", choices=("build", "load", "list"))


def run(arguments: argparse.Namespace) -> int:
    paths = paths_from(arguments)
    if arguments.action == "build":
        try:
            changed = build.ensure(paths.images)
        except BuildError as error:
            print(f"kubepy image: {error}", file=sys.stderr)
            return 1
        print("\n".join(f"built {reference}" for reference in changed) or "all images are up to date")
        return 0
    references = sorted(ImageLayout(paths.images).references())
    if arguments.action == "list":
        print("\n".join(references) or "no images yet: kubepy image build")
        return 0
    topology = read_topology(paths)
    if topology is None:
        print("kubepy image: no cluster is laid out here: kubepy up makes one", file=sys.stderr)
        return 1
    for machine in topology.machines:
        try:
            load(paths, topology, machine, references)
        except subprocess.CalledProcessError as error:
            print(f"kubepy image: {machine.name}: {error.stderr.strip()}", file=sys.stderr)
            return 1
        print(f"{machine.name}: {len(references)} images")
    return 0
