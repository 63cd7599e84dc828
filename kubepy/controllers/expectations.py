"""What a controller has done that its cache does not show yet.

A controller that counts pods in a cache that lags would create them twice. It therefore notes how
many creations and which deletions it expects to see, and acts again only when they were seen or
five minutes have passed (as client-go's ControllerExpectations).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kubepy.util.clock import Clock

TIMEOUT = 300.0


@dataclass
class _Expected:
    since: float
    creations: int = 0
    deletions: set[str] = field(default_factory=set)


class Expectations:
    """By key ("namespace/name" of the owner)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expected: dict[str, _Expected] = {}

    def satisfied(self, key: str) -> bool:
        """Whether the cache has caught up with what was done for ``key``."""
        expected = self._expected.get(key)
        if expected is None:
            return True
        if expected.creations <= 0 and not expected.deletions:
            del self._expected[key]
            return True
        return self._clock.monotonic() - expected.since > TIMEOUT

    def expect(self, key: str, creations: int = 0, deletions: set[str] | None = None) -> None:
        """About to create so many, to delete those uids."""
        self._expected[key] = _Expected(self._clock.monotonic(), creations, set(deletions or ()))

    def creation_seen(self, key: str) -> None:
        """One creation was observed, or failed."""
        if key in self._expected:
            self._expected[key].creations -= 1

    def deletion_seen(self, key: str, uid: str) -> None:
        """One deletion was observed, or failed."""
        if key in self._expected:
            self._expected[key].deletions.discard(uid)

    def forget(self, key: str) -> None:
        self._expected.pop(key, None)
