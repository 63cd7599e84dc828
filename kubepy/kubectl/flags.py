"""Command-line flags as kubectl (spf13/pflag) reads them: in any place, `-oyaml`, `-it`, `--x=y`, `--`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kubepy.kubectl.failures import UsageError

Kind = Literal["text", "bool", "int", "list", "array", "duration"]

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)")
_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. `bare` is its value when none is written (None: a value must follow).

    A list splits its values at commas and may be repeated; an array may be repeated only.
    """

    name: str
    kind: Kind = "text"
    default: Any = None
    help: str = ""
    short: str = ""
    bare: str | None = None

    @property
    def initial(self) -> Any:
        if self.default is not None:
            return list(self.default) if self.kind in ("list", "array") else self.default
        return {"text": "", "bool": False, "int": 0, "duration": 0.0}.get(self.kind, [])

    @property
    def takes_none(self) -> str | None:
        """What the flag means without a value."""
        return "true" if self.kind == "bool" and self.bare is None else self.bare


class Values:
    """The flags' values of one command line."""

    def __init__(self, flags: Iterable[Flag]) -> None:
        self._values: dict[str, Any] = {flag.name: flag.initial for flag in flags}
        self._given: set[str] = set()

    def given(self, name: str) -> bool:
        """Whether the flag was written on the command line."""
        return name in self._given

    def text(self, name: str) -> str:
        return str(self._values[name])

    def on(self, name: str) -> bool:
        return bool(self._values[name])

    def number(self, name: str) -> int:
        return int(self._values[name])

    def seconds(self, name: str) -> float:
        return float(self._values[name])

    def many(self, name: str) -> list[str]:
        return list(self._values[name])

    def has(self, name: str) -> bool:
        """Whether the command knows the flag."""
        return name in self._values

    def set(self, flag: Flag, text: str, written: str) -> None:
        """Take one value from the command line; `written` is the flag as the user wrote it."""
        value = _convert(flag, text, written)
        if flag.kind in ("list", "array"):
            before = self._values[flag.name] if flag.name in self._given else []
            value = [*before, *value]
        self._values[flag.name] = value
        self._given.add(flag.name)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command line: the words that are no flags, and how many of them came before `--` (None: no `--`)."""

    values: Values
    words: list[str]
    dash: int | None


def parse(flags: Sequence[Flag], arguments: Sequence[str], *, interspersed: bool = True) -> Parsed:
    """Read a command line. Raises UsageError in pflag's words.

    Without `interspersed` the first word that is no flag ends the flags.
    """
    by_name = {flag.name: flag for flag in flags}
    by_short = {flag.short: flag for flag in flags if flag.short}
    values = Values(flags)
    words: list[str] = []
    rest = list(arguments)
    dash: int | None = None
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            dash = len(words)
            words += rest
            break
        if argument.startswith("--"):
            _long(argument, rest, by_name, values)
        elif argument.startswith("-") and argument != "-":
            _short(argument, rest, by_short, values)
        else:
            words.append(argument)
            if not interspersed:
                words += rest
                break
    return Parsed(values, words, dash)


def _long(argument: str, rest: list[str], by_name: dict[str, Flag], values: Values) -> None:
    name, equals, text = argument[2:].partition("=")
    flag = by_name.get(name)
    if not name or name.startswith(("-", "=")):
        raise UsageError(f"bad flag syntax: {argument}")
    if flag is None:
        raise UsageError(f"unknown flag: --{name}")
    if not equals:
        bare = flag.takes_none
        if bare is not None:
            text = bare
        elif rest:
            text = rest.pop(0)
        else:
            raise UsageError(f"flag needs an argument: --{name}")
    values.set(flag, text, _written(flag))


def _short(argument: str, rest: list[str], by_short: dict[str, Flag], values: Values) -> None:
    letters = argument[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = by_short.get(letter)
        if flag is None:
            raise UsageError(f"unknown shorthand flag: {letter!r} in {argument}")
        if letters.startswith("="):
            text, letters = letters[1:], ""
        elif flag.takes_none is not None:
            text = flag.takes_none
        elif letters:
            text, letters = letters, ""
        elif rest:
            text = rest.pop(0)
        else:
            raise UsageError(f"flag needs an argument: {letter!r} in {argument}")
        values.set(flag, text, _written(flag))


def _written(flag: Flag) -> str:
    return f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"


def _convert(flag: Flag, text: str, written: str) -> Any:
    def invalid(detail: str) -> UsageError:
        return UsageError(f'invalid argument "{text}" for "{written}" flag: {detail}')

    match flag.kind:
        case "bool":
            if text not in _BOOLS:
                raise invalid(f'strconv.ParseBool: parsing "{text}": invalid syntax')
            return _BOOLS[text]
        case "int":
            if not re.fullmatch(r"[-+]?[0-9]+", text):
                raise invalid(f'strconv.ParseInt: parsing "{text}": invalid syntax')
            return int(text)
        case "duration":
            try:
                return duration(text)
            except ValueError as error:
                raise invalid(str(error)) from None
        case "list":
            return text.split(",") if text else []
        case "array":
            return [text]
    return text


def duration(text: str) -> float:
    """Read Go's notation ("1m30s") into seconds; ValueError in Go's words."""
    unsigned = text.lstrip("+-")
    if unsigned == "0":
        return 0.0
    parts = _DURATION.findall(unsigned)
    if not parts or "".join(number + unit for number, unit in parts) != unsigned:
        if re.fullmatch(r"[0-9]*\.?[0-9]+", unsigned):
            raise ValueError(f'time: missing unit in duration "{text}"')
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -seconds if text.startswith("-") else seconds
