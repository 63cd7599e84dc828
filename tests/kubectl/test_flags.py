"""Flags as pflag reads them."""

from __future__ import annotations

import pytest

from kubepy.kubectl.failures import UsageError
from kubepy.kubectl.flags import Flag, duration, parse

FLAGS = [
    Flag("output", short="o"),
    Flag("stdin", "bool", short="i"),
    Flag("tty", "bool", short="t"),
    Flag("watch", "bool", short="w", default=True),
    Flag("filename", "list", short="f"),
    Flag("env", "array"),
    Flag("replicas", "int", default=1),
    Flag("dry-run", default="none", bare="unchanged"),
    Flag("timeout", "duration"),
]


def test_flags_stand_anywhere_and_words_keep_their_order() -> None:
    parsed = parse(FLAGS, ["get", "-ojson", "pods", "--replicas=3", "-it", "-f", "a,b", "x", "-f=c"])
    assert parsed.words == ["get", "pods", "x"]
    assert parsed.values.text("output") == "json"
    assert parsed.values.on("stdin")
    assert parsed.values.on("tty")
    assert parsed.values.number("replicas") == 3
    assert parsed.values.many("filename") == ["a", "b", "c"]


def test_arrays_keep_commas() -> None:
    assert parse(FLAGS, ["--env", "A=1,2", "--env=B=3"]).values.many("env") == ["A=1,2", "B=3"]


def test_double_dash_ends_the_flags() -> None:
    parsed = parse(FLAGS, ["pod", "-i", "--", "ls", "-l", "--", "x"])
    assert parsed.words == ["pod", "ls", "-l", "--", "x"]
    assert parsed.dash == 1


def test_a_flag_that_may_stand_bare_takes_no_word() -> None:
    parsed = parse(FLAGS, ["--dry-run", "client", "--watch=false"])
    assert parsed.values.text("dry-run") == "unchanged"
    assert parsed.words == ["client"]
    assert not parsed.values.on("watch")
    assert not parsed.values.given("output")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["-itz"], "unknown shorthand flag: 'z' in -itz"),
        (["--output"], "flag needs an argument: --output"),
        (["-o"], "flag needs an argument: 'o' in -o"),
        (
            ["--replicas=x"],
            'invalid argument "x" for "--replicas" flag: strconv.ParseInt: parsing "x": invalid syntax',
        ),
        (["--timeout=5"], 'invalid argument "5" for "--timeout" flag: time: missing unit in duration "5"'),
    ],
)
def test_sentences(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(FLAGS, arguments)
    assert str(caught.value) == sentence


def test_durations() -> None:
    assert duration("1h2m3.5s") == 3723.5
    assert duration("0") == 0
    assert duration("-1s") == -1
