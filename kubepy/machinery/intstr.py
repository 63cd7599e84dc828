"""IntOrString: numbers that may be percentages ("25%"), as maxSurge and maxUnavailable are."""

from __future__ import annotations


def is_percent(value: int | str | None) -> bool:
    """Tell whether it is written as a percentage."""
    return isinstance(value, str) and value.endswith("%")


def parse_percent(value: str) -> int:
    """Return the number of "25%"; ValueError when it is no percentage."""
    if not value.endswith("%"):
        raise ValueError("invalid type: string is not a percentage")
    try:
        return int(value[:-1])
    except ValueError:
        raise ValueError(f'invalid value "{value}": not a number') from None


def scaled_value(value: int | str | None, total: int, round_up: bool) -> int:
    """Return the number itself, or the percentage of `total` rounded up or down; None counts as 0."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    percent = parse_percent(value)
    return -(-percent * total // 100) if round_up else percent * total // 100
