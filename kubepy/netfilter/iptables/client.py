"""The PacketFilter that kubepy holds: a worker process that writes the rules, fed with changes only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from kubepy.netfilter.interface import FilterError, Ruleset, Table
from kubepy.netfilter.iptables.wire import Message, decode, encode
from kubepy.util.clock import Clock, fail_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)

ANSWER_WITHIN = 60.0
LONGEST_ANSWER = 64 << 20
EMPTY = Table()


class IptablesFilter:
    """Legacy iptables, IPv4, of the network namespace that this process is in.

    The worker is started when first needed and again after it died; the next application then
    writes everything. One call at a time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = anyio.Lock()
        self._worker: subprocess.Popen[bytes] | None = None
        self._stream: SocketStream | None = None
        self._answers: BufferedByteReceiveStream | None = None
        self._loaded: dict[str, Table] = {}

    async def apply(self, ruleset: Ruleset) -> None:
        async with self._lock:
            for name in sorted(set(ruleset) | set(self._loaded)):
                await self._apply_table(name, ruleset.get(name, EMPTY))

    async def verify(self) -> bool:
        async with self._lock:
            for name, table in self._loaded.items():
                found = await self._ask({"op": "inspect", "table": name})
                expected = {chain: len(rules) for chain, rules in table.chains.items()}
                hooks = {(hook.chain, hook.rule.target) for hook in table.hooks}
                if found["chains"] != expected or {tuple(h) for h in found["hooks"]} != hooks:
                    self._loaded.pop(name)  # the next application writes it anew
                    return False
            return True

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._stop_worker()

    async def _apply_table(self, name: str, wanted: Table) -> None:
        loaded = self._loaded.get(name)
        if loaded == wanted:
            return
        if loaded is None:
            found = await self._ask({"op": "inspect", "table": name})
            old_chains = set(found["chains"])
            changed = dict(wanted.chains)
        else:
            old_chains = set(loaded.chains)
            changed = {c: rules for c, rules in wanted.chains.items() if loaded.chains.get(c) != rules}
        hooks = [] if loaded is not None and loaded.hooks == wanted.hooks else wanted.hooks
        self._loaded.pop(name, None)  # until the kernel has it, we do not know what it has
        await self._ask(
            {
                "op": "replace",
                "table": name,
                "chains": changed,
                "hooks": [[hook.chain, hook.rule] for hook in hooks],
                "remove": sorted(old_chains - set(wanted.chains)),
            }
        )
        self._loaded[name] = wanted

    async def _ask(self, request: Message) -> Message:
        if self._worker is None or self._worker.poll() is not None:
            await self._start_worker()
        assert self._stream is not None
        assert self._answers is not None
        try:
            with fail_after(self._clock, ANSWER_WITHIN):
                await self._stream.send(encode(request))
                answer = decode(await self._answers.receive_until(b"\n", LONGEST_ANSWER))
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, TimeoutError) as error:
            await self._stop_worker()
            raise FilterError(
                f"the iptables worker did not answer: {error or type(error).__name__}"
            ) from error
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._stop_worker()  # an answer that nobody awaits would be taken for the next one
            raise
        if "error" in answer:
            await self._stop_worker()  # iptc loses some of itself at every error (recursion depth)
            raise FilterError(answer["error"])
        return answer

    async def _start_worker(self) -> None:
        await self._stop_worker()
        ours, theirs = socket.socketpair()
        with theirs:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "kubepy.netfilter.iptables.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **_extension_directory()},
            )
        ours.setblocking(False)
        self._stream = await SocketStream.from_socket(ours)
        self._answers = BufferedByteReceiveStream(self._stream)
        log.info("iptables worker started", pid=self._worker.pid)

    async def _stop_worker(self) -> None:
        """Everything it loaded is taken as unknown."""
        self._loaded.clear()
        if self._stream is not None:
            await self._stream.aclose()
            self._stream = None
        if self._worker is not None:
            self._worker.kill()
            await anyio.to_thread.run_sync(self._worker.wait)
            self._worker = None


def _extension_directory() -> dict[str, str]:
    """Telling libxtables where its extensions are saves it (and iptc) a search."""
    if "XTABLES_LIBDIR" in os.environ:
        return {}
    for candidate in sorted(Path("/usr/lib").glob("*/xtables")):
        return {"XTABLES_LIBDIR": str(candidate)}
    return {}
