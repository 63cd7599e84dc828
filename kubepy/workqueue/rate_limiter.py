"""How long an item waits before it is tried again."""

from collections.abc import Hashable
from typing import Protocol, TypeVar

from kubepy.util.clock import Clock

T = TypeVar("T", bound=Hashable, contravariant=True)
Item = TypeVar("Item", bound=Hashable)


class RateLimiter(Protocol[T]):
    """Decides the wait of an item by its history."""

    def when(self, item: T) -> float:
        """Seconds the item is to wait now; counts as one more failure of it."""

    def forget(self, item: T) -> None:
        """The item succeeded, or nobody will try it again: its failures no longer count."""

    def num_requeues(self, item: T) -> int:
        """How often the item has failed since it was last forgotten."""


class ItemExponentialFailureRateLimiter:
    """`base` seconds, doubled with each failure of the same item, at most `maximum`."""

    def __init__(self, base: float = 0.005, maximum: float = 1000.0) -> None:
        self._base = base
        self._maximum = maximum
        self._failures: dict[Hashable, int] = {}

    def when(self, item: Hashable) -> float:
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        # 1 << 64 is beyond every maximum; larger powers only cost.
        return min(self._base * float(1 << min(failures, 64)), self._maximum)

    def forget(self, item: Hashable) -> None:
        self._failures.pop(item, None)

    def num_requeues(self, item: Hashable) -> int:
        return self._failures.get(item, 0)


class BucketRateLimiter:
    """A token bucket for all items together: `burst` at once, then `qps` a second."""

    def __init__(self, clock: Clock, qps: float = 10.0, burst: int = 100) -> None:
        self._clock = clock
        self._qps = qps
        self._burst = float(burst)
        self._tokens = float(burst)
        self._updated = clock.monotonic()

    def when(self, item: Hashable) -> float:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._qps)
        self._updated = now
        self._tokens -= 1  # may go below zero: a reservation of a token yet to come
        return max(0.0, -self._tokens / self._qps)

    def forget(self, item: Hashable) -> None:
        """The bucket does not know items apart."""

    def num_requeues(self, item: Hashable) -> int:
        return 0


class MaxOfRateLimiter:
    """The longest wait that any of the given limiters asks for."""

    def __init__(self, *limiters: RateLimiter[Hashable]) -> None:
        self._limiters = limiters

    def when(self, item: Hashable) -> float:
        return max(limiter.when(item) for limiter in self._limiters)

    def forget(self, item: Hashable) -> None:
        for limiter in self._limiters:
            limiter.forget(item)

    def num_requeues(self, item: Hashable) -> int:
        return max(limiter.num_requeues(item) for limiter in self._limiters)


def default_item_based_rate_limiter() -> RateLimiter[Hashable]:
    """5 ms, doubling to 1000 s, per item."""
    return ItemExponentialFailureRateLimiter()


def default_controller_rate_limiter(clock: Clock) -> RateLimiter[Hashable]:
    """Per item 5 ms to 1000 s, and 10 a second (100 at once) for all items together."""
    return MaxOfRateLimiter(ItemExponentialFailureRateLimiter(), BucketRateLimiter(clock))
