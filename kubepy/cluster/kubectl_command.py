"""``kubectl`` on machines that have none: a command that runs ours. The host's own is left alone."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from kubepy.cluster.paths import Paths, write_file

MARK = "# installed by kubepy up"


def ensure(paths: Paths) -> None:
    """Install the command unless there is a kubectl; only for a cluster that lives at "/"."""
    if paths.root == Path("/") and shutil.which("kubectl") is None:
        script = f'#!/bin/sh\n{MARK}\nexec {sys.executable} -m kubepy kubectl "$@"\n'
        write_file(location(paths), script, 0o755)


def remove(paths: Paths) -> None:
    """Take the command away if it is ours."""
    command = location(paths)
    if command.is_file() and MARK in command.read_text(errors="replace"):
        command.unlink()


def location(paths: Paths) -> Path:
    return paths.root / "usr/local/bin/kubectl"
