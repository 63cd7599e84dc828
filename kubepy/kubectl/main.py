"""The way from a command line to an exit code."""

from __future__ import annotations

import os
import sys

from kubepy.kubectl import commands
from kubepy.kubectl.commands.base import GLOBAL, Command
from kubepy.kubectl.failures import CommandError, ExitCode, UsageError, text_of
from kubepy.kubectl.flags import Flag, Parsed, parse

INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """Run kubectl with the words after its name; returns the exit code."""
    try:
        return _main(argv)
    except ExitCode as ended:
        return ended.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _main(argv: list[str]) -> int:
    at = _command_at(argv)
    if at is None:
        return _without_command(argv)
    name = argv[at]
    arguments = argv[:at] + argv[at + 1 :]
    if name == "options":
        from kubepy.kubectl import help

        sys.stdout.write(help.options())
        return 0
    if name == "help":
        return _main([*arguments, "--help"])
    command = commands.find(name)
    if command is None:
        sys.stderr.write(_unknown(name))
        return 1
    path = name
    while command.subcommands:
        sub = _sub_at(command, arguments)
        if sub is None:
            break
        chosen = _named(command, arguments[sub])
        if chosen is None:
            break
        path = f"{path} {chosen.name}"
        command = chosen
        arguments = arguments[:sub] + arguments[sub + 1 :]
    return _run(command, path, arguments)


def _run(command: Command, path: str, arguments: list[str]) -> int:
    flags = _flags_of(command)
    try:
        parsed = parse(flags, arguments)
    except UsageError as error:
        sys.stderr.write(f"Error: {error}\nSee 'kubectl {path} --help' for usage.\n")
        return 1
    if parsed.values.on("help") or command.run is None:
        from kubepy.kubectl import help

        sys.stdout.write(help.of(command, path))
        return 0
    return _execute(command, path, parsed)


def _execute(command: Command, path: str, parsed: Parsed) -> int:
    from functools import partial

    import anyio

    try:
        return anyio.run(partial(_session, command, path, parsed))
    except UsageError as error:
        sys.stdout.flush()
        sys.stderr.write(f"error: {error}\nSee 'kubectl {path} -h' for help and examples\n")
        return 1
    except (ExitCode, KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        if not _is_told(error):
            raise
        sys.stdout.flush()
        text = text_of(error)
        if text:
            sys.stderr.write(text + "\n")
        return error.code if isinstance(error, CommandError) else 1


def _is_told(error: Exception) -> bool:
    """Whether the error is one of the server's, the user's or the network's, not a fault of this program."""
    from kubepy.client import ConnectionFailed, KubeconfigError
    from kubepy.kubectl.failures import Failures
    from kubepy.machinery.errors import StatusError

    known = (CommandError, Failures, StatusError, ConnectionFailed, KubeconfigError, OSError)
    return isinstance(error, known)


async def _session(command: Command, path: str, parsed: Parsed) -> int:
    from kubepy.client import ClientConfig
    from kubepy.kubectl.session import Session, client_config

    assert command.run is not None
    values = parsed.values
    config = ClientConfig(server="") if command.local else client_config(values)
    session = Session(config, values, command=path, namespace=values.text("namespace"))
    session.dash = parsed.dash
    try:
        code = await command.run(session, parsed.words) or 0
        session.out.flush()
    finally:
        await session.client.aclose()
    if session.warnings and values.on("warnings-as-errors"):
        plural = "warnings" if session.warnings > 1 else "warning"
        raise CommandError(f"{session.warnings} {plural} received")
    return code


def _flags_of(command: Command) -> list[Flag]:
    own = {flag.name for flag in command.flags}
    shorts = {flag.short for flag in command.flags if flag.short}
    return [
        *command.flags,
        *(flag for flag in GLOBAL if flag.name not in own and (not flag.short or flag.short not in shorts)),
    ]


def _command_at(argv: list[str]) -> int | None:
    return _first_word(argv, list(GLOBAL))


def _sub_at(command: Command, arguments: list[str]) -> int | None:
    return _first_word(arguments, _flags_of(command))


def _named(command: Command, word: str) -> Command | None:
    for name, sub in command.subcommands.items():
        if word == name or word in sub.aliases:
            return sub
    return None


def _first_word(arguments: list[str], flags: list[Flag]) -> int | None:
    """Where the first word is that is neither a flag nor a flag's value."""
    long = {flag.name: flag for flag in flags}
    short = {flag.short: flag for flag in flags if flag.short}
    skip = False
    for at, argument in enumerate(arguments):
        if skip:
            skip = False
        elif argument == "--":
            return None
        elif argument.startswith("--"):
            flag = long.get(argument[2:])
            skip = flag is not None and flag.takes_none is None
        elif argument.startswith("-") and len(argument) > 1:
            flag = short.get(argument[1])
            skip = len(argument) == 2 and flag is not None and flag.takes_none is None
        else:
            return at
    return None


def _without_command(argv: list[str]) -> int:
    from kubepy.kubectl import help

    try:
        parse(list(GLOBAL), argv)
    except UsageError as error:
        sys.stderr.write(f"Error: {error}\nSee 'kubectl --help' for usage.\n")
        return 1
    sys.stdout.write(help.overview())
    return 0


def _unknown(name: str) -> str:
    text = f'Error: unknown command "{name}" for "kubectl"\n'
    near = [
        known for known in sorted(commands.names()) if _distance(name, known) <= 2 or known.startswith(name)
    ]
    if near:
        text += "\nDid you mean this?\n" + "".join(f"\t{known}\n" for known in near)
    return text


def _distance(a: str, b: str) -> int:
    """Levenshtein's."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, row = row, [i]
        for j, right in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (left != right)))
    return row[-1]
