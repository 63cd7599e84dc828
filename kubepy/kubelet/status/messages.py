"""Termination messages: what a container left for people when it ended."""

from __future__ import annotations

import os
from pathlib import Path

from kubepy.cri import ContainerStatus
from kubepy.kubelet.runtime.labels import TERMINATION_MESSAGE_PATH, TERMINATION_MESSAGE_POLICY
from kubepy.kubelet.server.log_lines import parse_line

MAX_MESSAGE = 4096
MAX_LOG_MESSAGE = 2048
MAX_LOG_LINES = 80


def termination_message(container: ContainerStatus) -> str:
    """From the file that the container may write, or from its last log lines where that was asked for."""
    host_path = container.mounts.get(container.annotations.get(TERMINATION_MESSAGE_PATH, ""))
    message = _head(Path(host_path)) if host_path else ""
    fallback = container.annotations.get(TERMINATION_MESSAGE_POLICY) == "FallbackToLogsOnError"
    if not message and fallback and container.exit_code != 0 and container.log_path:
        message = _last_lines(Path(container.log_path))
    return message


def _head(path: Path) -> str:
    try:
        # The container owns the file: it may be anything, a fifo too.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        return os.read(descriptor, MAX_MESSAGE).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _last_lines(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8 * MAX_LOG_MESSAGE))
            lines = file.read().splitlines(keepends=True)[-MAX_LOG_LINES:]
    except OSError:
        return ""
    text = b"".join(entry.text for line in lines if (entry := parse_line(line)) is not None)
    return text[-MAX_LOG_MESSAGE:].decode("utf-8", "replace")
