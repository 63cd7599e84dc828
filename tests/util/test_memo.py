from hypothesis import given
from hypothesis import strategies as st

from kubepy.util.memo import Memo


def test_what_was_used_last_stays_and_what_was_not_goes() -> None:
    memo: Memo[int, str] = Memo(3)
    memo[0] = "kept by use"
    for key in range(1, 20):
        memo[key] = str(key)
        assert memo.get(0) == "kept by use"
    assert memo.get(1) is None
    assert memo.get(19) == "19"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=200), st.integers(1, 8))
def test_it_is_bounded_and_never_answers_with_anothers_value(
    steps: list[tuple[bool, int]], size: int
) -> None:
    memo: Memo[int, int] = Memo(size)
    last: list[int] = []
    for write, key in steps:
        if write:
            memo[key] = key * 2
            last = [key, *(other for other in last if other != key)][:size]
        else:
            assert memo.get(key) in (None, key * 2)
        assert len(memo) <= 2 * size
        assert all(memo.get(known) == known * 2 for known in last[:1])
