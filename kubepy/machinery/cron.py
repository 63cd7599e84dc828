"""cron's five fields, its @words, and the times they name in a time zone. Pure.

As in Kubernetes: when both days of the month and of the week are restricted, either may match; times that
a change to summer time skips do not happen, those that the change back repeats happen twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NAMES: dict[int, dict[str, int]] = {
    3: {name: number for number, name in enumerate(MONTHS, 1)},
    4: {name: number for number, name in enumerate(WEEKDAYS)},
}
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
HORIZON = 5 * 366  # days


class Schedule(Protocol):
    """When something happens."""

    def next(self, after: datetime) -> datetime | None:
        """The first time after ``after`` (UTC); None when there is none in five years."""


@dataclass(frozen=True)
class Every:
    """``@every 1h30m``."""

    seconds: float

    def next(self, after: datetime) -> datetime | None:
        return (after + timedelta(seconds=self.seconds)).replace(microsecond=0)


@dataclass(frozen=True)
class Cron:
    """The values that each field allows, in one time zone."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    zone: tzinfo = UTC

    def next(self, after: datetime) -> datetime | None:
        local = after.astimezone(self.zone)
        for offset in range(HORIZON):
            day = local.date() + timedelta(days=offset)
            if not self._on(day):
                continue
            for hour in self.hours:
                if offset or hour >= local.hour:
                    found = self._in_hour(day, hour, after)
                    if found is not None:
                        return found
        return None

    def _on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (in_month or in_week) if self.either_day else (in_month and in_week)

    def _in_hour(self, day: date, hour: int, after: datetime) -> datetime | None:
        for fold in (0, 1):
            for minute in self.minutes:
                wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone, fold=fold)
                moment = wall.astimezone(UTC)
                back = moment.astimezone(self.zone)
                exists = (back.hour, back.minute, back.fold) == (hour, minute, fold)
                if moment > after and exists:
                    return moment
        return None


def parse(text: str, zone: tzinfo = UTC) -> Schedule:
    """Read a schedule. Raises ValueError in the words of the parser that Kubernetes uses."""
    if not text:
        raise ValueError("empty spec string")
    if text.startswith("@every "):
        return _every(text.removeprefix("@every "))
    if text.startswith("@") and text not in WORDS:
        raise ValueError(f"unrecognized descriptor: {text}")
    fields = WORDS.get(text, text).split()
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    values = [_field(field, position) for position, field in enumerate(fields)]
    open_days = any(fields[position].startswith(("*", "?")) for position in (2, 4))
    return Cron(
        tuple(sorted(values[0])),
        tuple(sorted(values[1])),
        frozenset(values[2]),
        frozenset(values[3]),
        frozenset(values[4]),
        not open_days,
        zone,
    )


def error_of(text: str) -> str:
    """What is wrong with a schedule, "" when nothing is."""
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""


def _every(text: str) -> Every:
    parts = DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.lstrip("+-"):
        raise ValueError(f'failed to parse duration @every {text}: time: invalid duration "{text}"')
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    return Every(max(1.0, float(int(seconds))))


def _field(text: str, position: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        if part:
            found |= _range(part, position)
    return found


def _range(part: str, position: int) -> set[int]:
    low, high = BOUNDS[position]
    steps = part.split("/")
    ends = steps[0].split("-")
    first, last = low, high
    if ends[0] not in ("*", "?"):
        first = _number(ends[0], position)
        if len(ends) > 2:
            raise ValueError(f"too many hyphens: {part}")
        last = _number(ends[1], position) if len(ends) == 2 else first
    if len(steps) > 2:
        raise ValueError(f"too many slashes: {part}")
    step = 1
    if len(steps) == 2:
        step = _number(steps[1])
        last = high if len(ends) == 1 else last
    if first < low:
        raise ValueError(f"beginning of range ({first}) below minimum ({low}): {part}")
    if last > high:
        raise ValueError(f"end of range ({last}) above maximum ({high}): {part}")
    if first > last:
        raise ValueError(f"beginning of range ({first}) beyond end of range ({last}): {part}")
    if step == 0:
        raise ValueError(f"step of range should be a positive number: {part}")
    return set(range(first, last + 1, step))


def _number(text: str, position: int = -1) -> int:
    named = NAMES.get(position, {}).get(text.lower())
    if named is not None:
        return named
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text)
    if number < 0:
        raise ValueError(f"negative number ({number}) not allowed: {text}")
    return number
