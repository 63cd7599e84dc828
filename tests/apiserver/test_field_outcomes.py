"""What the field manager remembers of alike changes never changes what it says about one."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepy.api import resources as r
from kubepy.api.scheme import SCHEME
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.fieldmanagement import FieldManager
from kubepy.apiserver.requests import Context, Query, RequestInfo
from kubepy.machinery.meta import deep_copy
from kubepy.util.clock import FakeClock

CLOCK = FakeClock(1_700_000_000.0)
REMEMBERING = FieldManager(SCHEME.kind(r.PODS), CLOCK)

managers = st.sampled_from([f"m{number}" for number in range(12)])
values = st.sampled_from(["1", "2", None])
places = st.sampled_from(
    [
        ("metadata", "labels", "a"),
        ("metadata", "labels", "b"),
        ("spec", "nodeSelector", "c"),
        ("spec", "hostname"),
        ("status", "message"),
        ("status", "reason"),
    ]
)
changes = st.lists(st.tuples(places, values), min_size=1, max_size=3)
steps = st.tuples(managers, st.sampled_from(["", "status"]), changes, st.sampled_from([0, 0, 1, 90]))


def context(manager: str, subresource: str) -> Context:
    info = RequestInfo("PUT", "/", "update", subresource=subresource)
    return Context(info, Query(f"fieldManager={manager}"), User("u"), {}, [])


def put(obj: dict[str, Any], place: tuple[str, ...], value: str | None) -> None:
    *way, last = place
    for name in way:
        obj = obj.setdefault(name, {})
    if value is None:
        obj.pop(last, None)
    else:
        obj[last] = value


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=1, max_size=20))
def test_a_remembered_outcome_is_what_would_be_found_anew(
    history: list[tuple[str, str, list[tuple[tuple[str, ...], str | None]], int]],
) -> None:
    old: dict[str, Any] = {"metadata": {"name": "p", "labels": {"a": "0"}}, "spec": {"hostname": "h"}}
    REMEMBERING.created(old, context("creator", ""))
    for manager, subresource, wanted, seconds in history:
        CLOCK.advance(seconds)
        mine = deep_copy(old)
        for place, value in wanted:
            put(mine, place, value)
        others = deep_copy(mine)
        asked = context(manager, subresource)
        REMEMBERING.updated(mine, old, asked)
        FieldManager(SCHEME.kind(r.PODS), CLOCK).updated(others, old, asked)
        assert orjson.dumps(mine) == orjson.dumps(others)
        old = mine


metadata = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"])},
    optional={
        "labels": st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=3),
        "annotations": st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=2),
        "finalizers": st.lists(st.sampled_from(["a/b", "c/d"]), unique=True),
        "ownerReferences": st.lists(st.fixed_dictionaries({"uid": st.sampled_from("12")}), max_size=1),
        "uid": st.sampled_from("12"),
    },
)
specs = st.fixed_dictionaries(
    {"containers": st.lists(st.fixed_dictionaries({"name": st.sampled_from("ab")}), max_size=2)},
    optional={"hostname": st.sampled_from("hi"), "nodeSelector": st.dictionaries(st.just("a"), st.just("b"))},
)


@settings(max_examples=300, deadline=None)
@given(metadata, specs, st.sampled_from([None, {}, {"phase": "Running"}]))
def test_a_creator_owns_the_same_whether_its_like_was_seen_before_or_not(
    metadata: dict[str, Any], spec: dict[str, Any], status: dict[str, Any] | None
) -> None:
    pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    if status is not None:
        pod["status"] = status
    anew = deep_copy(pod)
    asked = context("creator", "")
    REMEMBERING.created(pod, asked)
    FieldManager(SCHEME.kind(r.PODS), CLOCK).created(anew, asked)
    assert orjson.dumps(pod) == orjson.dumps(anew)
