"""What is kept from loading, and what is not."""

import subprocess
import sys


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_a_component_does_not_load_what_only_colours_tracebacks() -> None:
    assert run(
        "import sys, kubepy.util.logging; print('rich' in sys.modules, 'pygments' in sys.modules)"
    ) == ("False False\n")


def test_it_can_be_loaded_afterwards() -> None:
    assert (
        run("import kubepy.util.logging, rich.progress; print(rich.progress.Progress.__name__)")
        == "Progress\n"
    )
