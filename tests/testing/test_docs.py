"""The tutorial of docs/testing.md, typed as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_tutorials_tests_pass(tmp_path: Path) -> None:
    first, second = re.findall(r"```python\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    (tmp_path / "test_web.py").write_text(f"{first}\n\n{second}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=_PAGE.parents[1],
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "3 passed" in done.stdout
