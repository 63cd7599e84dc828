"""Timestamps as the API writes them, and durations as kubectl shows them."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta


def _as_datetime(moment: datetime | float) -> datetime:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    return datetime.fromtimestamp(moment, UTC)


def rfc3339(moment: datetime | float) -> str:
    """Write a metav1.Time: UTC, whole seconds ("2026-11-21T09:00:00Z"). Floats are Unix seconds."""
    if isinstance(moment, datetime):
        return _as_datetime(moment).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _of_second(int(moment // 1))


@functools.lru_cache(maxsize=64)
def _of_second(second: int) -> str:
    """Many objects are made in the same second."""
    return _as_datetime(second).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(moment: datetime | float) -> str:
    """Write a metav1.MicroTime: UTC with six digits of a second."""
    return _as_datetime(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """Read an RFC 3339 time (any offset, any fraction) into an aware UTC datetime; ValueError otherwise."""
    if len(text) < 20 or text[10] not in "Tt":
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    return parsed.astimezone(UTC)


def seconds_since(text: str, now: datetime) -> float:
    """Return the seconds from the written time to `now`."""
    return (now - parse(text)).total_seconds()


def human_duration(seconds: float) -> str:
    """Write a duration as kubectl's AGE column does (duration.HumanDuration): 2m30s, 4h5m, 8d, 2y30d."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if total < 0:
        return "0s"
    if total < 60 * 2:
        return f"{total}s"
    minutes = total // 60
    if minutes < 10:
        return _pair(minutes, "m", total % 60, "s")
    if minutes < 60 * 3:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 24 * 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    years = days // 365
    if years < 8:
        return _pair(years, "y", days % 365, "d")
    return f"{years}y"


def _pair(major: int, major_unit: str, minor: int, minor_unit: str) -> str:
    return f"{major}{major_unit}{minor}{minor_unit}" if minor else f"{major}{major_unit}"


def human_age(timestamp: str | None, now: datetime) -> str:
    """Write the time since a timestamp, "<unknown>" when there is none."""
    if not timestamp:
        return "<unknown>"
    return human_duration(seconds_since(timestamp, now))


def add_seconds(timestamp: str, seconds: float) -> str:
    """Return the written time moved by seconds."""
    return rfc3339(parse(timestamp) + timedelta(seconds=seconds))
