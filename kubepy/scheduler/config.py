"""The scheduler's configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SchedulerConfig:
    """How the scheduler runs. It schedules the pods whose ``spec.schedulerName`` is ``scheduler_name``."""

    kubeconfig: Path
    scheduler_name: str = "default-scheduler"
    leader_elect: bool = True
    log_level: str = "info"
