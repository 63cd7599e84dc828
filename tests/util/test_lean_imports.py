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


def test_afterwards_the_collector_works_as_it_did_before() -> None:
    program = """
import gc
from kubepy.util.lean_imports import lean
with lean():
    inside = gc.isenabled()
print(inside, gc.isenabled(), gc.get_freeze_count())
gc.disable()
with lean(freeze=True):
    pass
print(gc.isenabled(), gc.get_freeze_count() > 0)
"""
    assert run(program) == "False True 0\nFalse True\n"


def test_what_is_late_is_loaded_once_and_what_is_unknown_is_told() -> None:
    program = """
import sys
from kubepy.machinery import cel
print("kubepy.machinery.cel.program" in sys.modules)
print(cel.compile("1 + 1", {}).evaluate({}), cel.compile is cel.compile)
try:
    cel.nonsense
except AttributeError as error:
    print(error)
"""
    assert run(program) == ("False\n2 True\nmodule 'kubepy.machinery.cel' has no attribute 'nonsense'\n")
