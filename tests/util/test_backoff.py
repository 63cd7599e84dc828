import random

import pytest

from kubepy.util.backoff import Backoff


def test_doubles_up_to_the_cap_and_starts_over() -> None:
    backoff = Backoff(1, cap=5, jitter=0)
    assert [backoff.next() for _ in range(5)] == [1, 2, 4, 5, 5]
    backoff.reset()
    assert backoff.next() == 1


def test_jitter_lengthens_by_at_most_its_share() -> None:
    backoff = Backoff(10, factor=1, cap=10, jitter=0.5, rng=random.Random(1))
    waits = [backoff.next() for _ in range(200)]
    assert all(10 <= wait <= 15 for wait in waits)
    assert max(waits) - min(waits) > 3


def test_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="factor"):
        Backoff(1, factor=0.5)
