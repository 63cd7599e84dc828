"""Show the log of a component; of every machine that runs it, unless one is named."""

from __future__ import annotations

import argparse
import os
import sys
from collections import deque
from pathlib import Path

from kubepy.cluster.paths import Paths
from kubepy.cmd.locations import add_root_argument, paths_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_root_argument(parser)
    parser.add_argument("component", help="apiserver, kubelet, containerd, ...")
    parser.add_argument("--machine", help="only this machine's (w1-k8s)")
    parser.add_argument("--tail", type=int, default=100, help="how many lines of each (100)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as the log grows")


def run(arguments: argparse.Namespace) -> int:
    paths = paths_from(arguments)
    files = sorted(paths.log.glob(f"{arguments.machine or '*'}/{arguments.component}.log"))
    if not files:
        print(_what_is_there(paths, arguments.component), file=sys.stderr)
        return 1
    if arguments.follow:
        names = [str(file) for file in files]
        sys.stdout.flush()
        os.execvp("tail", ["tail", "-n", str(arguments.tail), "-F", *names])
    for file in files:
        if len(files) > 1:
            print(f"==> {file.parent.name} <==")
        with file.open(errors="replace") as lines:
            sys.stdout.writelines(deque(lines, arguments.tail))
    return 0


def _what_is_there(paths: Paths, component: str) -> str:
    known = sorted({Path(p).stem for p in paths.log.glob("*/*.log")})
    if not known:
        return f"no logs below {paths.log}: no cluster has run here"
    return f"no log of {component!r}; there are logs of {', '.join(known)}"
