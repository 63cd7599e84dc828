"""Packet rules as data, in iptables' terms (iptables-extensions(8)).

A ruleset owns every chain that it names; the built-in chains belong to the kernel and only get
the ruleset's hooks, in front of whatever else is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

Options = tuple[tuple[str, str], ...]

OWNED_PREFIX = "KUBE-"
CHAIN_NAME_MAX = 28  # XT_EXTENSION_MAXNAMELEN - 1


@dataclass(frozen=True, slots=True)
class Match:
    """One ``-m NAME --option value ...``; a value that begins with "!" negates it; "" is a bare flag."""

    name: str
    options: Options = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``target`` is a chain or an extension (DNAT, MARK, ...) with its options."""

    target: str
    options: Options = ()
    source: str = ""
    destination: str = ""
    protocol: str = ""
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Hook:
    """A rule at the head of a built-in chain. Hooks jump to owned chains, by which they are known."""

    chain: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Table:
    """The owned chains of one table, and its hooks."""

    chains: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    hooks: tuple[Hook, ...] = ()


Ruleset = Mapping[str, Table]
"""Table name ("nat", "filter") -> its content."""


class FilterError(RuntimeError):
    """The kernel did not take a ruleset; what was loaded before still stands."""


class PacketFilter(Protocol):
    """Loads rulesets into the kernel of one network namespace."""

    async def apply(self, ruleset: Ruleset) -> None:
        """Make the kernel hold exactly this of ours, each table in one transaction.

        Chains of ours that ``ruleset`` does not name are removed. Raises FilterError.
        """

    async def verify(self) -> bool:
        """Whether the kernel still holds what was applied last (others write there too)."""

    async def aclose(self) -> None:
        """Let go of the filter; the rules stay."""


def option(name: str, value: str = "") -> Options:
    """A single option."""
    return ((name, value),)


def comment(text: str) -> Match:
    """``-m comment --comment TEXT`` (at most 255 bytes)."""
    return Match("comment", option("comment", text[:255]))


def render(ruleset: Ruleset) -> str:
    """The ruleset as iptables-save prints it: for people, and for golden tests."""
    lines: list[str] = []
    for name in sorted(ruleset):
        table = ruleset[name]
        lines.append(f"*{name}")
        lines += [f":{chain} - [0:0]" for chain in sorted(table.chains)]
        lines += [f"-A {hook.chain} {render_rule(hook.rule)}" for hook in table.hooks]
        for chain in sorted(table.chains):
            lines += [f"-A {chain} {render_rule(rule)}" for rule in table.chains[chain]]
        lines.append("COMMIT")
    return "\n".join(lines) + "\n"


def render_rule(rule: Rule) -> str:
    words: list[str] = []
    for flag, value in (("-s", rule.source), ("-d", rule.destination), ("-p", rule.protocol)):
        if value:
            words += [*_negated(flag, value)]
    for match in rule.matches:
        words += ["-m", match.name, *_render_options(match.options)]
    return " ".join([*words, "-j", rule.target, *_render_options(rule.options)])


def _render_options(options: Options) -> list[str]:
    words: list[str] = []
    for name, value in options:
        words += _negated(f"--{name}", f'"{value}"' if " " in value else value)
    return words


def _negated(flag: str, value: str) -> list[str]:
    if value.startswith("!"):
        return ["!", flag, value[1:]]
    return [flag, value] if value else [flag]
