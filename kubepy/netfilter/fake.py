"""A PacketFilter for unit tests: keeps what it is given."""

from __future__ import annotations

from kubepy.netfilter.interface import FilterError, Ruleset


class FakePacketFilter:
    """Holds ``applied``, newest last; ``failures`` says how many of the next applications fail."""

    def __init__(self) -> None:
        self.applied: list[Ruleset] = []
        self.failures = 0
        self.intact = True
        self.closed = False

    async def apply(self, ruleset: Ruleset) -> None:
        if self.failures:
            self.failures -= 1
            raise FilterError("the kernel refused the rules")
        self.applied.append(ruleset)
        self.intact = True

    async def verify(self) -> bool:
        return self.intact

    async def aclose(self) -> None:
        self.closed = True
