"""What a component says when it cannot run: a sentence, not a traceback."""

import subprocess
import sys
from pathlib import Path

from kubepy.cmd.components import told
from kubepy.cmd.main import main


class OwnError(Exception):
    pass


OwnError.__module__ = "kubepy.somewhere"


def test_sentences_of_our_own_errors_and_the_systems() -> None:
    assert told(OwnError("the file is in use")) == "the file is in use"
    nested = ExceptionGroup("outer", [ExceptionGroup("inner", [OSError(98, "address already in use")])])
    assert "address already in use" in str(told(nested))


def test_a_bug_keeps_its_traceback() -> None:
    assert told(ValueError("oops")) is None
    assert told(ExceptionGroup("two", [OSError("a"), OSError("b")])) is None


def test_what_stops_a_component_is_said_plainly(tmp_path: Path) -> None:
    config = tmp_path / "scheduler.yaml"
    config.write_text(f"kubeconfig: {tmp_path}/none\n")
    command = [sys.executable, "-m", "kubepy", "scheduler", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("kubepy scheduler: ")


def test_unknown_key_and_missing_file_exit_with_two(tmp_path: Path, capsys: object) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text("bogus: 1\n")
    assert main(["kubelet", "--config", str(config)]) == 2
    assert main(["kubelet", "--config", str(tmp_path / "none")]) == 2


def test_unknown_command_lists_the_known_ones() -> None:
    assert main(["nonsense"]) == 2
    assert main([]) == 0
