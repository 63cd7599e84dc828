"""A rule as data into the bytes that the kernel takes (struct ipt_entry with its matches and target)."""

from __future__ import annotations

import ctypes
from typing import Any

import iptc
from iptc.errors import XTablesError

from kubepy.netfilter.interface import CHAIN_NAME_MAX, OWNED_PREFIX, FilterError, Rule

CACHE_LIMIT = 200_000
STAND_IN = "ACCEPT"
NAME_SIZE = 29


class Compiler:
    """Compiles rules and remembers them: most of a ruleset stays as it was from sync to sync."""

    def __init__(self) -> None:
        self._compiled: dict[Rule, bytes] = {}

    def entry(self, rule: Rule) -> Any:
        """The entry of ``rule`` as the ctypes array that libiptc wants. Raises FilterError."""
        data = self._compiled.get(rule)
        if data is None:
            if len(self._compiled) >= CACHE_LIMIT:
                self._compiled.clear()
            data = self._compiled[rule] = _compile(rule)
        return (ctypes.c_ubyte * len(data)).from_buffer_copy(data)


def _compile(rule: Rule) -> bytes:
    if len(rule.target) > CHAIN_NAME_MAX:
        raise FilterError(f"chain name {rule.target!r} is longer than {CHAIN_NAME_MAX} characters")
    compiled = iptc.Rule()
    try:
        if rule.protocol:
            compiled.protocol = rule.protocol
        if rule.source:
            compiled.src = rule.source
        if rule.destination:
            compiled.dst = rule.destination
        for match in rule.matches:
            extension = compiled.create_match(match.name)
            for name, value in match.options:
                extension.set_parameter(name, value or None)
        jump = rule.target.startswith(OWNED_PREFIX)
        target = iptc.Target(compiled, STAND_IN if jump else rule.target)
        for name, value in rule.options:
            target.set_parameter(name, value or None)
        compiled.target = target
        compiled.final_check()
        entry = compiled.rule
    except (iptc.IPTCError, XTablesError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise FilterError(f"{rule}: {error}") from error
    if not entry:
        raise FilterError(f"{rule}: incomplete")
    return _jump_to(rule.target, bytes(entry), compiled.entry.target_offset) if jump else bytes(entry)


def _jump_to(chain: str, entry: bytes, target_offset: int) -> bytes:
    """``entry`` with its stand-in target's name made into ``chain``.

    iptc only compiles jumps to chains that the kernel has already; libiptc resolves the name
    (struct xt_entry_target: u16 size, char name[29]) when the rule is appended.
    """
    start = target_offset + 2
    if entry[start : start + NAME_SIZE] != STAND_IN.encode().ljust(NAME_SIZE, b"\0"):
        raise FilterError("this libiptc lays targets out differently: its rules cannot be written")
    return entry[:start] + chain.encode().ljust(NAME_SIZE, b"\0") + entry[start + NAME_SIZE :]
