"""Timestamps and durations in text, as Go and protobuf write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from kubepy.machinery import timestamps
from kubepy.machinery.cel.errors import EvaluationError

_UNITS = {
    "ns": Fraction(1, 1000),
    "us": Fraction(1),
    "µs": Fraction(1),
    "μs": Fraction(1),
    "ms": Fraction(1000),
    "s": Fraction(10**6),
    "m": Fraction(60 * 10**6),
    "h": Fraction(3600 * 10**6),
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MAX_MICROSECONDS = (2**63 - 1) // 1000


def parse_duration(text: str) -> timedelta:
    """Read Go's durations: "1h30m", "-1.5s". Raises EvaluationError."""
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return timedelta()
    total, position = Fraction(0), 0
    while position < len(body):
        match = _PART.match(body, position)
        if match is None:
            break
        total += Fraction(match[1]) * _UNITS[match[2]]
        position = match.end()
    if not body or position < len(body) or total > _MAX_MICROSECONDS:
        raise EvaluationError(f'time: invalid duration "{text}"')
    return timedelta(microseconds=sign * int(total))


def format_duration(duration: timedelta) -> str:
    """Write a duration as CEL does: seconds, "3600s", "1.5s"."""
    microseconds = round(duration / timedelta(microseconds=1))
    sign = "-" if microseconds < 0 else ""
    seconds, fraction = divmod(abs(microseconds), 10**6)
    tail = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{sign}{seconds}{tail}s"


def parse_timestamp(text: str) -> datetime:
    """Read an RFC 3339 time. Raises EvaluationError."""
    try:
        return timestamps.parse(text)
    except ValueError:
        raise EvaluationError(f'parsing time "{text}" as RFC 3339') from None


def format_timestamp(moment: datetime) -> str:
    """Write a time in UTC, with a fraction only when there is one."""
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S').rjust(19, '0')}{fraction}Z"
