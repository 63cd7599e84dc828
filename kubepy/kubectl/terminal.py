"""The user's terminal: raw mode while a remote command has it, its size, its keys as they come."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator

import anyio
import anyio.lowlevel

CHUNK = 32768


def is_terminal() -> bool:
    return sys.stdin.isatty()


@contextlib.contextmanager
def raw() -> Iterator[None]:
    """Every key goes to the remote side, also Ctrl-C."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def input_pieces() -> AsyncIterator[bytes]:
    """What is typed or piped in, until its end."""
    descriptor = sys.stdin.fileno()
    while True:
        try:
            # Not a read in a thread: nobody can end that, and it would keep the program from ending.
            await anyio.wait_readable(descriptor)
        except PermissionError:
            # A regular file cannot be waited for, and need not be.
            await anyio.lowlevel.checkpoint()
        piece = os.read(descriptor, CHUNK)
        if not piece:
            return
        yield piece


def size() -> tuple[int, int]:
    """(columns, rows)."""
    found = shutil.get_terminal_size()
    return found.columns, found.lines


async def sizes() -> AsyncIterator[tuple[int, int]]:
    """The size now, and again whenever it changes."""
    yield size()
    with anyio.open_signal_receiver(signal.SIGWINCH) as signals:
        async for _ in signals:
            yield size()
