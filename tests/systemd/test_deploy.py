"""The scripts of deploy/ are shell, the Vagrantfile is ruby; what they do, integration/machines shows."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("*.sh")), ids=lambda path: path.name)
def test_a_script_is_runnable_shell(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=10)


def test_what_is_installed_is_what_preflight_asks_for() -> None:
    from kubepy.cluster.preflight import TOOLS

    listed = subprocess.run(
        [str(DEPLOY / "packages.sh"), "--list"], capture_output=True, text=True, check=True, timeout=10
    )
    assert set(TOOLS.values()) | {"containernetworking-plugins"} <= set(listed.stdout.split())


@pytest.mark.parametrize("arguments", [[], ["10.0.0.1"], ["10.0.0.1", "rm", "-rf", "/nowhere"]])
def test_a_worker_is_told_what_is_missing(arguments: list[str]) -> None:
    done = subprocess.run(
        [str(DEPLOY / "worker.sh"), *arguments], capture_output=True, text=True, check=False, timeout=10
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: worker.sh ADDRESS kubepy join")


@pytest.mark.skipif(shutil.which("ruby") is None, reason="no ruby on this machine")
def test_the_vagrantfile_is_ruby() -> None:
    subprocess.run(["ruby", "-c", str(DEPLOY.parent / "Vagrantfile")], check=True, timeout=30)
