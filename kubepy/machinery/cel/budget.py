"""What evaluations may cost, in cel-go's units: about one for each step that is taken."""

from __future__ import annotations

from kubepy.machinery.cel.errors import CostExceeded

PER_CALL_LIMIT = 1_000_000
"""What a single expression may cost."""
PER_VALIDATION_LIMIT = 10_000_000
"""What all expressions of one request's validation may cost together."""


class Budget:
    """A sum that evaluations draw from; may be shared by several."""

    __slots__ = ("limit", "remaining")

    def __init__(self, limit: int = PER_CALL_LIMIT) -> None:
        self.limit = limit
        self.remaining = limit

    @property
    def spent(self) -> int:
        """What was charged so far."""
        return self.limit - self.remaining

    def charge(self, cost: int) -> None:
        """Take from the sum. Raises CostExceeded when it is used up."""
        self.remaining -= cost
        if self.remaining < 0:
            raise CostExceeded("operation cancelled: actual cost limit exceeded")
