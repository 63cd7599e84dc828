"""Cron schedules: five fields or a macro, checked with the messages of the parser that Kubernetes uses."""

from __future__ import annotations

import re

_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_EVERY = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES: dict[int, dict[str, int]] = {
    3: {name: number for number, name in enumerate(_MONTHS, 1)},
    4: {name: number for number, name in enumerate(_DAYS)},
}


def cron_schedule_error(schedule: str) -> str:
    """Return what is wrong with a schedule ("" when nothing is)."""
    if not schedule:
        return "empty spec string"
    if schedule.startswith("@"):
        return _descriptor_error(schedule)
    fields = schedule.split()
    if len(fields) != 5:
        return f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
    for index, field in enumerate(fields):
        for part in field.split(","):
            if part and (error := _range_error(part, index)):
                return error
    return ""


def _descriptor_error(schedule: str) -> str:
    if schedule in _MACROS:
        return ""
    if schedule.startswith("@every "):
        duration = schedule.removeprefix("@every ")
        rest = duration
        while rest and (match := _EVERY.match(rest)):
            rest = rest[match.end() :]
        if duration and not rest:
            return ""
        return f'failed to parse duration {schedule}: time: invalid duration "{duration}"'
    return f"unrecognized descriptor: {schedule}"


def _number(word: str, index: int) -> int | str:
    """The number a word stands for, or what is wrong with it."""
    named = _NAMES.get(index, {}).get(word.lower())
    if named is not None:
        return named
    try:
        number = int(word) if re.fullmatch(r"[+-]?[0-9]+", word) else None
    except ValueError:
        number = None
    if number is None:
        return f'failed to parse int from {word}: strconv.Atoi: parsing "{word}": invalid syntax'
    return number if number >= 0 else f"negative number ({number}) not allowed: {word}"


def _range_error(part: str, index: int) -> str:
    low, high = _BOUNDS[index]
    steps = part.split("/")
    ends = steps[0].split("-")
    start, end = low, high
    if ends[0] not in ("*", "?"):
        first = _number(ends[0], index)
        if isinstance(first, str):
            return first
        if len(ends) > 2:
            return f"too many hyphens: {part}"
        last = _number(ends[1], index) if len(ends) == 2 else first
        if isinstance(last, str):
            return last
        start, end = first, last
    step = 1
    if len(steps) > 2:
        return f"too many slashes: {part}"
    if len(steps) == 2:
        parsed = _number(steps[1], -1)
        if isinstance(parsed, str):
            return parsed
        step = parsed
        if len(ends) == 1:
            end = high
    if start < low:
        return f"beginning of range ({start}) below minimum ({low}): {part}"
    if end > high:
        return f"end of range ({end}) above maximum ({high}): {part}"
    if start > end:
        return f"beginning of range ({start}) beyond end of range ({end}): {part}"
    return f"step of range should be a positive number: {part}" if step == 0 else ""
