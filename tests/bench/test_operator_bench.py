"""`python -m bench operator` runs all three operators and says what it found. Nothing here looks at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_a_quick_run_measures_all_three(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "operator", "--quick", "--json", str(file)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    assert found["operators"].keys() == {"kubepy", "kopf", "official client"}
    assert all(figures["rate"] > 0 for rounds in found["operators"].values() for figures in rounds)
    assert {"rate", "all", "first", "latency", "memory", "cpu"} <= found["ratios"].keys()
