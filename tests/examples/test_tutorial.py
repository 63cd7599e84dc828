"""The tutorial's code, typed as it stands there, passes its own tests."""

import re
import subprocess
import sys
from pathlib import Path

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "operators" / "tutorial.md"
BLOCK = re.compile(r'```python title="([^"]+)"\n(.*?)```', re.DOTALL)


def test_the_tutorial_works(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for name, code in BLOCK.findall(TUTORIAL.read_text()):
        files[name] = files.get(name, "") + code
    assert files.keys() == {"greeting.py", "test_greeting.py"}
    for name, code in files.items():
        (tmp_path / name).write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "3 passed" in done.stdout
    printed = subprocess.run(
        [sys.executable, "-m", "kubepy.operator.crd", "greeting:GREETINGS"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "kind: CustomResourceDefinition" in printed.stdout
