"""Random UUIDs, several at a time: one system call for many."""

from __future__ import annotations

import os

_AT_ONCE = 256


class _Source:
    """Hands out random bytes in pieces of sixteen."""

    def __init__(self) -> None:
        self._bytes = b""
        self._position = 0

    def next(self) -> bytes:
        start = self._position
        if start >= len(self._bytes):
            self._bytes, start = os.urandom(16 * _AT_ONCE), 0
        self._position = start + 16
        return self._bytes[start : start + 16]

    def reset(self) -> None:
        """A forked process must not hand out the same."""
        self._bytes, self._position = b"", 0


_source = _Source()
os.register_at_fork(after_in_child=_source.reset)


def uuid4() -> str:
    """A random UUID (version 4), as text."""
    raw = bytearray(_source.next())
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
