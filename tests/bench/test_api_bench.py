"""`python -m bench api` runs and says what it found. Nothing here looks at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_a_quick_run_prints_a_table_and_writes_ratios(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "api", "--quick", "--json", str(file)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    works = {"get", "get_several", "create", "create_unlike", "create_several", "list", "watch"}
    assert works <= found["ratios"].keys()
    assert all(ratio > 0 for ratio in found["ratios"].values())
    for key in works:
        assert found["figures"][key]["kubepy"]["rounds"] == found["figures"][key]["bare"]["rounds"] == 1
    assert found["generator"]["ceiling_per_second"]["median"] > 0
    assert found["resident_bytes"] > 0
    # No answer but 2xx, no event lost: either would be a note.
    assert not [note for note in found["notes"] if "other than 2xx" in note or "missing" in note]
    assert "get a pod" in done.stdout


def test_a_quick_run_with_many_and_few_objects(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "scale", "--quick", "--json", str(file)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    assert {"create", "event", "memory", "start"} == found["ratios"].keys()
    assert all(ratio > 0 for ratio in found["ratios"].values())
    assert not [note for note in found["notes"] if "other than 2xx" in note or "missing" in note]
