"""Run the scheduler."""

from __future__ import annotations

import argparse
import os

from kubepy.cmd.components import add_config_argument, run_with_config
from kubepy.util.lean_imports import lean

add_arguments = add_config_argument


def run(arguments: argparse.Namespace) -> int:
    # numpy counts here, it multiplies no matrices. Threads for that would be half of what it takes to load.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with lean(freeze=True):
        from kubepy.scheduler.config import SchedulerConfig
        from kubepy.scheduler.run import run as main

    return run_with_config(
        "scheduler",
        SchedulerConfig,
        lambda c, clock, ready: main(c, clock, ready=ready),
        arguments,
        use_uvloop=True,
    )
