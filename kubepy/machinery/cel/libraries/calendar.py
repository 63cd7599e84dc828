"""The parts of timestamps (in UTC or a named zone) and durations."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import method

_OFFSET = re.compile(r"([+-]?)(\d{2}):(\d{2})", re.ASCII)


def _zone(name: str) -> tzinfo:
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        delta = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-delta if offset[1] == "-" else delta)
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise EvaluationError(f"unknown time zone {name}") from None


def _local(moment: datetime, zone: str | None) -> datetime:
    return moment.astimezone(UTC if zone is None else _zone(zone))


@method("timestamp.getFullYear() -> int", "timestamp.getFullYear(string) -> int")
def full_year(moment: datetime, zone: str | None = None) -> int:
    return _local(moment, zone).year


@method("timestamp.getMonth() -> int", "timestamp.getMonth(string) -> int")
def month(moment: datetime, zone: str | None = None) -> int:
    """From 0."""
    return _local(moment, zone).month - 1


@method("timestamp.getDate() -> int", "timestamp.getDate(string) -> int")
def date(moment: datetime, zone: str | None = None) -> int:
    """The day of the month, from 1."""
    return _local(moment, zone).day


@method("timestamp.getDayOfMonth() -> int", "timestamp.getDayOfMonth(string) -> int")
def day_of_month(moment: datetime, zone: str | None = None) -> int:
    """The day of the month, from 0."""
    return _local(moment, zone).day - 1


@method("timestamp.getDayOfWeek() -> int", "timestamp.getDayOfWeek(string) -> int")
def day_of_week(moment: datetime, zone: str | None = None) -> int:
    """From 0, which is Sunday."""
    return _local(moment, zone).isoweekday() % 7


@method("timestamp.getDayOfYear() -> int", "timestamp.getDayOfYear(string) -> int")
def day_of_year(moment: datetime, zone: str | None = None) -> int:
    """From 0."""
    return _local(moment, zone).timetuple().tm_yday - 1


@method("timestamp.getHours() -> int", "timestamp.getHours(string) -> int")
def hours(moment: datetime, zone: str | None = None) -> int:
    return _local(moment, zone).hour


@method("timestamp.getMinutes() -> int", "timestamp.getMinutes(string) -> int")
def minutes(moment: datetime, zone: str | None = None) -> int:
    return _local(moment, zone).minute


@method("timestamp.getSeconds() -> int", "timestamp.getSeconds(string) -> int")
def seconds(moment: datetime, zone: str | None = None) -> int:
    return _local(moment, zone).second


@method("timestamp.getMilliseconds() -> int", "timestamp.getMilliseconds(string) -> int")
def milliseconds(moment: datetime, zone: str | None = None) -> int:
    return _local(moment, zone).microsecond // 1000


def _whole(duration: timedelta, unit: timedelta) -> int:
    return int(duration / unit)


@method("duration.getHours() -> int")
def duration_hours(duration: timedelta) -> int:
    return _whole(duration, timedelta(hours=1))


@method("duration.getMinutes() -> int")
def duration_minutes(duration: timedelta) -> int:
    return _whole(duration, timedelta(minutes=1))


@method("duration.getSeconds() -> int")
def duration_seconds(duration: timedelta) -> int:
    return _whole(duration, timedelta(seconds=1))


@method("duration.getMilliseconds() -> int")
def duration_milliseconds(duration: timedelta) -> int:
    return _whole(duration, timedelta(milliseconds=1))
