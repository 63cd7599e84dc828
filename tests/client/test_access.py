"""Answers of SubjectAccessReviews are remembered, each for its own question and for a while."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kubepy.client.access import AccessReviews, UserInfo
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio


class Api:
    """Allows alice to get; counts."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def create(self, gvr: Any, review: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(review["spec"])
        spec = review["spec"]
        allowed = spec["user"] == "alice" and spec["resourceAttributes"]["verb"] == "get"
        return {"status": {"allowed": allowed}}


async def test_a_question_is_asked_again_when_its_answer_is_too_old() -> None:
    api, clock = Api(), FakeClock()
    reviews = AccessReviews(cast(Any, api), clock, allowed_for=300, denied_for=30)
    alice, get, delete = (
        UserInfo("alice", ("dev",), "u1", {"scope": ("a",)}),
        {"verb": "get"},
        {"verb": "delete"},
    )
    assert [await reviews.allows(alice, a) for a in (get, delete, get, delete)] == [True, False, True, False]
    assert len(api.asked) == 2
    assert api.asked[0] == {
        "user": "alice",
        "groups": ["dev"],
        "uid": "u1",
        "extra": {"scope": ["a"]},
        "resourceAttributes": get,
    }
    clock.advance(31)
    assert [await reviews.allows(alice, a) for a in (get, delete)] == [True, False]
    assert [spec["resourceAttributes"]["verb"] for spec in api.asked] == ["get", "delete", "delete"]
    clock.advance(300)
    assert await reviews.allows(alice, get)
    assert len(api.asked) == 4


async def test_another_user_is_another_question() -> None:
    api = Api()
    reviews = AccessReviews(cast(Any, api), FakeClock(), allowed_for=300, denied_for=30)
    users = [UserInfo("alice"), UserInfo("bob"), UserInfo("alice", ("x",)), UserInfo("alice", (), "other")]
    assert [await reviews.allows(user, {"verb": "get"}) for user in users] == [True, False, True, True]
    assert len(api.asked) == 4
