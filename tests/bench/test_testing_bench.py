"""`python -m bench testing` measures what it says. Nothing here looks at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_a_quick_run_measures_cold_warm_and_fresh(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "testing", "--quick", "--json", str(file)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    assert found["figures"].keys() == {"cold", "warm", "fresh", "view", "settle", "advance"}
    assert {"cold", "warm"} <= found["ratios"].keys()
