import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepy.controllers.node.blocks import Blocks


def test_the_lowest_free_block_is_given_and_kept() -> None:
    blocks = Blocks("10.244.0.0/16", 24)
    blocks.note("old", "10.244.1.0/24")
    assert [blocks.give(name) for name in ("a", "b", "a")] == [
        "10.244.0.0/24",
        "10.244.2.0/24",
        "10.244.0.0/24",
    ]
    blocks.release("a")
    assert blocks.give("c") == "10.244.0.0/24"


def test_when_all_are_taken_there_is_none_until_a_node_goes() -> None:
    blocks = Blocks("10.244.0.0/30", 31)
    assert [blocks.give(name) for name in "abc"] == ["10.244.0.0/31", "10.244.0.2/31", None]
    blocks.release("b")
    assert blocks.give("c") == "10.244.0.2/31"


def test_a_block_that_two_nodes_hold_is_free_when_both_are_gone() -> None:
    blocks = Blocks("10.244.0.0/30", 31)
    blocks.note("a", "10.244.0.0/31")
    blocks.note("b", "10.244.0.0/31")
    blocks.release("a")
    assert blocks.give("c") == "10.244.0.2/31"
    blocks.release("b")
    assert blocks.give("d") == "10.244.0.0/31"


def test_blocks_of_version_6_and_those_that_do_not_fit() -> None:
    assert Blocks("fd00:1::/48", 64).give("a") == "fd00:1::/64"
    with pytest.raises(ValueError, match="do not fit"):
        Blocks("10.244.0.0/24", 16)


@given(st.lists(st.tuples(st.sampled_from("gnr"), st.integers(0, 5), st.integers(0, 7)), max_size=60))
def test_no_block_is_given_to_two_and_none_is_lost(steps: list[tuple[str, int, int]]) -> None:
    blocks = Blocks("10.0.0.0/29", 31)  # four of them
    free = {str(block) for block in ipaddress.ip_network("10.0.0.0/29").subnets(new_prefix=31)}
    has: dict[str, str] = {}
    for what, number, block in steps:
        node = f"n{number}"
        if what == "g":
            given = blocks.give(node)
            if node in has:
                assert given == has[node]
            elif given is None:
                assert not free - set(has.values())
            else:
                assert given in free - set(has.values())
                has[node] = given
        elif what == "n":
            has[node] = f"10.0.0.{2 * block}/31"
            blocks.note(node, has[node])
        else:
            has.pop(node, None)
            blocks.release(node)
