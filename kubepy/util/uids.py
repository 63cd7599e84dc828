"""Random UUIDs, several at a time: one system call for many."""

from __future__ import annotations

import os

_AT_ONCE = 256
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class _Source:
    """Hands out random hexadecimal digits in pieces of 32."""

    def __init__(self) -> None:
        self._digits = ""
        self._position = 0

    def next(self) -> str:
        start = self._position
        if start >= len(self._digits):
            self._digits, start = os.urandom(16 * _AT_ONCE).hex(), 0
        self._position = start + 32
        return self._digits[start : start + 32]

    def reset(self) -> None:
        """A forked process must not hand out the same."""
        self._digits, self._position = "", 0


_source = _Source()
os.register_at_fork(after_in_child=_source.reset)


def uuid4() -> str:
    """A random UUID (version 4), as text."""
    d = _source.next()
    return f"{d[:8]}-{d[8:12]}-4{d[13:16]}-{_VARIANT[d[16]]}{d[17:20]}-{d[20:]}"
