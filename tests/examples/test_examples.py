"""Each numbered example passes its own end-to-end tests, run as a reader runs them."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("[0-9][0-9]-*"))
OWN = [folder for folder in EXAMPLES if folder.name[:2] <= "04"]


@pytest.mark.parametrize("folder", OWN, ids=lambda folder: folder.name)
def test_example(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert (folder / "README.md").is_file()
