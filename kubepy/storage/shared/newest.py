"""The newest revision that anybody was told of, in a word of memory that several processes see.

Whoever serves the storage writes it before an answer or an event with that revision leaves; so a process that
reads it later knows what its watch must have brought before it may answer.
"""

from __future__ import annotations

import mmap
import os
import tempfile

_BYTES = 8


class Newest:
    """The word. `descriptor` is the open file behind it, for processes that inherit it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _BYTES)
        self._word = memoryview(self._memory).cast("Q")

    @classmethod
    def make(cls) -> Newest:
        """A word of its own, at revision 0. The caller's processes must inherit `descriptor`."""
        with tempfile.TemporaryFile() as file:
            file.truncate(_BYTES)
            return cls(os.dup(file.fileno()))

    def get(self) -> int:
        """The newest revision."""
        return self._word[0]

    def raise_to(self, revision: int) -> None:
        """Note a revision, if it is newer. For the one process that serves the storage."""
        if revision > self._word[0]:
            self._word[0] = revision

    def close(self) -> None:
        """Let go of the memory and the file."""
        self._word.release()
        self._memory.close()
        os.close(self.descriptor)
