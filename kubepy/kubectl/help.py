"""Help texts: the overview, one command's, the global options."""

from __future__ import annotations

import re
import textwrap

from kubepy.kubectl import commands
from kubepy.kubectl.commands.base import GLOBAL, Command
from kubepy.kubectl.flags import Flag

_OPTIONS = 'Use "kubectl options" for a list of global command-line options (applies to all commands).'


def overview() -> str:
    """What `kubectl` and `kubectl --help` print."""
    lines = [
        "kubectl controls the Kubernetes cluster manager.",
        "",
        " Find more information at: https://kubernetes.io/docs/reference/kubectl/",
        "",
    ]
    for heading, listed in commands.GROUPS:
        lines += [heading, *(f"  {name:<15} {summary}" for name, summary in listed.items()), ""]
    lines += [
        "Usage:",
        "  kubectl [flags] [options]",
        "",
        'Use "kubectl <command> --help" for more information about a given command.',
        _OPTIONS,
    ]
    return "\n".join(lines) + "\n"


def of(command: Command, path: str) -> str:
    """What `kubectl COMMAND --help` prints."""
    lines = [f"{command.summary}.", ""]
    if command.examples:
        lines += ["Examples:", textwrap.indent(textwrap.dedent(command.examples).strip("\n"), "  "), ""]
    if command.subcommands:
        width = max(map(len, command.subcommands)) + 1
        listed = command.subcommands.items()
        lines += ["Available Commands:", *(f"  {n:<{max(width, 14)}}{c.summary}" for n, c in listed), ""]
    if command.flags:
        lines += ["Options:", *_flags(command.flags)]
    lines += ["Usage:", f"  {command.usage or f'kubectl {path} [flags] [options]'}", ""]
    if command.subcommands:
        lines.append(f'Use "kubectl {path} <command> --help" for more information about a given command.')
    lines.append(_OPTIONS)
    return "\n".join(lines) + "\n"


def options() -> str:
    """What `kubectl options` prints."""
    shown = [flag for flag in GLOBAL if flag.name != "help"]
    return "The following options can be passed to any command:\n\n" + "\n".join(_flags(shown))


def _flags(flags: tuple[Flag, ...] | list[Flag]) -> list[str]:
    lines: list[str] = []
    for flag in sorted(flags, key=lambda flag: flag.name):
        short = f"-{flag.short}, " if flag.short else ""
        lines += [f"    {short}--{flag.name}={_default(flag)}:", f"\t{flag.help}", ""]
    return lines


def _default(flag: Flag) -> str:
    match flag.kind:
        case "text":
            return f"'{flag.initial}'" if flag.initial else "''"
        case "bool":
            return "true" if flag.initial else "false"
        case "duration":
            seconds = re.sub(r"\.0$", "", str(flag.initial))
            return f"{seconds}s"
        case "list" | "array":
            return f"[{','.join(flag.initial)}]"
    return str(flag.initial)
