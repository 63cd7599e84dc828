"""Back-off of crashing containers and of images that cannot be pulled (client-go's flowcontrol.Backoff)."""

from __future__ import annotations

from dataclasses import dataclass

INITIAL = 10.0
MAXIMUM = 300.0


@dataclass
class _Entry:
    wait: float
    updated: float


class ItemBackoff:
    """Per key: 10 s, doubled up to 5 min; forgotten when nothing happened for twice the maximum.

    Times are seconds on any one clock; the caller says them.
    """

    def __init__(self, initial: float = INITIAL, maximum: float = MAXIMUM) -> None:
        self._initial = initial
        self._maximum = maximum
        self._entries: dict[str, _Entry] = {}

    def wait_of(self, key: str) -> float:
        """The present wait, 0 before the first failure."""
        entry = self._entries.get(key)
        return entry.wait if entry else 0.0

    def next(self, key: str, now: float) -> None:
        """It was tried again (or failed) at `now`: wait longer the next time."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, now):
            self._entries[key] = _Entry(self._initial, now)
        else:
            entry.wait = min(entry.wait * 2, self._maximum)
            entry.updated = now

    def remaining_since(self, key: str, event: float, now: float) -> float:
        """Seconds still to wait after something happened at `event`; 0 when there is no need to."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, event):
            return 0.0
        return max(0.0, event + entry.wait - now)

    def remaining(self, key: str, now: float) -> float:
        """Seconds still to wait after the last failure."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, now):
            return 0.0
        return max(0.0, entry.updated + entry.wait - now)

    def reset(self, key: str) -> None:
        self._entries.pop(key, None)

    def _expired(self, entry: _Entry, at: float) -> bool:
        return at - entry.updated > 2 * self._maximum


def go_duration(seconds: float) -> str:
    """Whole seconds as Go writes a Duration: 10s, 1m20s, 5m0s, 1h0m0s."""
    total = round(seconds)
    hours, rest = divmod(total, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"
