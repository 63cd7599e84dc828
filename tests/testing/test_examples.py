"""The examples with tests of their own, run as a reader would run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_EXAMPLES = Path(__file__).parents[2] / "examples"
_NEEDS = {
    "10-kopf-greeter": "kopf",
    "11-kr8s-config-distributor": "kr8s",
    "12-lightkube-web-app": "lightkube",
    "13-official-client-team-keeper": "kubernetes",
}


@pytest.mark.parametrize("name", _NEEDS)
def test_the_examples_tests_pass(name: str) -> None:
    pytest.importorskip(_NEEDS[name], reason="the stock clients are not installed (make clients)")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-W",
            "default",
            str(_EXAMPLES / name),
        ],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=_EXAMPLES.parent,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
