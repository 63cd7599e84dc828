"""Writes tables through libiptc: read the table, change our chains, commit; all under xtables' own lock."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import iptc

from kubepy.netfilter.interface import OWNED_PREFIX, FilterError, Rule
from kubepy.netfilter.iptables.compiler import Compiler

LOCK = Path("/run/xtables.lock")
COMMIT_ATTEMPTS = 5


class KernelTable:
    """One table of this process's network namespace."""

    def __init__(self, name: str, compiler: Compiler) -> None:
        self._name = name
        self._compiler = compiler

    def replace(
        self, chains: dict[str, list[Rule]], hooks: list[tuple[str, Rule]], remove: Iterable[str]
    ) -> None:
        """Set ``chains`` to these rules, put ``hooks`` first in theirs, ``remove`` chains; one commit.

        Raises FilterError; then nothing of it is in the kernel.
        """
        entries = {chain: [self._compiler.entry(rule) for rule in rules] for chain, rules in chains.items()}
        compiled_hooks = [(chain, self._compiler.entry(rule), rule.target) for chain, rule in hooks]
        for attempt in range(COMMIT_ATTEMPTS):
            try:
                with _locked():
                    table = self._fresh()
                    self._write(table, entries, compiled_hooks, remove)
                    table.commit()
                return
            except iptc.IPTCError as error:
                # EAGAIN: someone without the lock changed the table meanwhile.
                if attempt == COMMIT_ATTEMPTS - 1:
                    raise FilterError(f"table {self._name}: {error}") from error

    def owned_chains(self) -> dict[str, int]:
        """Our chains in the kernel with the number of their rules."""
        with _locked():
            table = self._fresh()
            return {chain.name: _length(table, chain.name) for chain in _owned(table)}

    def hooked(self) -> set[tuple[str, str]]:
        """(built-in chain, our chain) of every hook in the kernel."""
        with _locked():
            table = self._fresh()
            return {
                (chain.name, target)
                for chain in table.chains
                if table.builtin_chain(chain.name)
                for target in _targets(table, chain.name)
                if target.startswith(OWNED_PREFIX)
            }

    def _fresh(self) -> Any:
        table = iptc.Table(self._name, autocommit=False)
        table.refresh()
        return table

    def _write(
        self,
        table: Any,
        entries: dict[str, list[Any]],
        hooks: list[tuple[str, Any, str]],
        remove: Iterable[str],
    ) -> None:
        for chain in entries:
            if table.is_chain(chain):
                table.flush_entries(chain)
            else:
                table.create_chain(chain)
        for chain in remove:
            if table.is_chain(chain):
                table.flush_entries(chain)
        for chain, rules in entries.items():
            for rule in rules:
                table.append_entry(chain, rule)
        if hooks:
            _put_hooks(table, hooks)
        for chain in remove:
            if table.is_chain(chain):
                table.delete_chain(chain)


def _put_hooks(table: Any, hooks: list[tuple[str, Any, str]]) -> None:
    for chain in sorted({chain for chain, _, _ in hooks}):
        # From the end, so that the positions of those still to be looked at hold.
        for position, target in reversed(list(enumerate(_targets(table, chain)))):
            if target.startswith(OWNED_PREFIX):
                _delete_at(table, chain, position)
        wanted = [entry for name, entry, _ in hooks if name == chain]
        for position, entry in enumerate(wanted):
            table.insert_entry(chain, entry, position)


def _delete_at(table: Any, chain: str, position: int) -> None:
    if table._iptc.iptc_delete_num_entry(chain.encode(), position, table._handle) != 1:
        raise iptc.IPTCError(f"cannot delete rule {position} of {chain}")


def _targets(table: Any, chain: str) -> list[str]:
    found = []
    entry = table.first_rule(chain)
    while entry:
        target = table.get_target(entry)
        found.append(target.decode() if isinstance(target, bytes) else str(target or ""))
        entry = table.next_rule(entry)
    return found


def _length(table: Any, chain: str) -> int:
    count = 0
    entry = table.first_rule(chain)
    while entry:
        count += 1
        entry = table.next_rule(entry)
    return count


def _owned(table: Any) -> list[Any]:
    return [chain for chain in table.chains if chain.name.startswith(OWNED_PREFIX)]


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """The lock that the iptables programs take (iptables(8), -w)."""
    with LOCK.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
