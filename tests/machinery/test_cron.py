"""What is wrong with a schedule, in the words of the parser that Kubernetes uses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubepy.machinery import cron


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@nope", "unrecognized descriptor: @nope"),
        ("@every 1y", 'failed to parse duration @every 1y: time: invalid duration "1y"'),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    assert cron.error_of(text) == message
    with pytest.raises(ValueError):
        cron.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "?  *  *  *  ?",
        "@hourly",
        "@every 1h30m",
        "@every 1.5h",
        "0-59/5 1,2 1 jan-dec sun",
        "1,,2 * 1 * *",
    ],
)
def test_what_is_right(text: str) -> None:
    assert cron.error_of(text) == ""
    assert cron.parse(text).next(datetime(2026, 1, 1, tzinfo=UTC)) is not None
