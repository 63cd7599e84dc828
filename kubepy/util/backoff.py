"""Growing waits between attempts."""

import random


class Backoff:
    """Exponential back-off: `initial`, then `factor` times more each time, never above `cap` seconds.

    Each wait is lengthened by up to `jitter` of itself, so that clients that failed together do not come back
    together.
    """

    def __init__(
        self,
        initial: float,
        factor: float = 2.0,
        cap: float = 30.0,
        jitter: float = 0.1,
        rng: random.Random | None = None,
    ) -> None:
        if initial < 0 or factor < 1 or cap < 0 or jitter < 0:
            raise ValueError("a back-off needs initial, cap and jitter >= 0 and factor >= 1")
        self._initial = initial
        self._factor = factor
        self._cap = cap
        self._jitter = jitter
        self._rng = rng or random.Random()
        self._base = initial

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        wait = min(self._base, self._cap)
        self._base = min(self._base * self._factor, self._cap)
        return wait * (1 + self._jitter * self._rng.random())

    def reset(self) -> None:
        """An attempt succeeded: start small again."""
        self._base = self._initial
