"""The ``--root`` flag that every cluster command has."""

from __future__ import annotations

import argparse
from pathlib import Path

from kubepy.cluster.paths import Paths


def add_root_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="put all of kubepy's folders (etc, var, run, log) below DIR (/)",
    )


def paths_from(arguments: argparse.Namespace) -> Paths:
    return Paths(arguments.root.resolve())


def paths_from_root() -> Paths:
    """A machine of its own has its folders at "/"."""
    return Paths()
