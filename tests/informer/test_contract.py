"""The informer's contract over any history: cuts, outages, compaction, bookmarks, duplicates, restarts."""

from collections.abc import Callable
from typing import Any, cast

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepy.client import WatchEvent
from kubepy.informer import SharedInformer
from kubepy.machinery import meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.clock import FakeClock
from kubepy.util.logging import capture

from .fake_api import FakeApi

PODS = GVR("", "v1", "pods")
NAMES = ("x", "y")

actions = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(NAMES)),
    st.tuples(st.just("put"), st.just("x")),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("recreate"), st.sampled_from(NAMES)),
    st.tuples(
        st.sampled_from(["cut", "compact", "bookmark", "duplicate", "down", "up", "hour", "second"]),
        st.none(),
    ),
)


class Listener:
    """Checks at every call what the informer promises to a handler."""

    def __init__(self, informer: Callable[[], SharedInformer]) -> None:
        self.informer = informer
        self.known: dict[str, Obj] = {}

    def add(self, obj: Obj) -> None:
        assert meta.key(obj) not in self.known, "an add of what was there"
        self.known[meta.key(obj)] = obj
        self.not_behind(obj)

    def update(self, old: Obj, new: Obj) -> None:
        assert self.known[meta.key(new)] is old, "old is not what was told last"
        assert meta.uid(old) == meta.uid(new), "another object is no update"
        assert int(meta.resource_version(new)) > int(meta.resource_version(old)), "backwards, or nothing new"
        self.known[meta.key(new)] = new
        self.not_behind(new)

    def delete(self, obj: Obj) -> None:
        last = self.known.pop(meta.key(obj))
        assert meta.uid(last) == meta.uid(obj)
        assert self.informer().lister.get(meta.name(obj), meta.namespace(obj)) is None

    def not_behind(self, obj: Obj) -> None:
        assert self.informer().lister.get(meta.name(obj), meta.namespace(obj)) is obj


def act(api: FakeApi, action: str, name: str | None, serial: int) -> None:
    there = f"a/{name}" in api.objects
    if action == "put" and name:
        uid = meta.uid(api.objects[f"a/{name}"]) if there else f"{name}-{serial}"
        api.put(name, uid=uid, metadata={"labels": {"serial": str(serial)}})
    elif action == "remove" and name and there:
        api.remove(name)
    elif action == "recreate" and name and there:
        api.remove(name)
        api.put(name, uid=f"{name}-{serial}")
    elif action == "cut":
        api.cut()
    elif action == "compact":
        api.compact()
        api.cut()
    elif action == "bookmark":
        api.bookmark()
    elif action == "duplicate" and api.history:
        revision, event = api.history[-1]
        if event.type != "BOOKMARK":
            api.history.append((revision + 1, WatchEvent(event.type, event.object)))
            api.revision += 1
            api._wake()
    elif action in ("down", "up"):
        api.down = action == "down"
        api.cut()


async def live(script: list[tuple[str, str | None]]) -> None:
    api, clock = FakeApi(), FakeClock()
    informer = SharedInformer(cast(Any, api), PODS, clock=clock)
    informer.add_index("serial", lambda obj: [meta.labels(obj).get("serial", "")])
    early, late = Listener(lambda: informer), Listener(lambda: informer)
    informer.add_handler(early.add, early.update, early.delete)
    async with anyio.create_task_group() as group:
        group.start_soon(informer.run)
        for serial, (action, name) in enumerate(script):
            if serial == len(script) // 2:
                informer.add_handler(late.add, late.update, late.delete)
            act(api, action, name, serial)
            await clock.run_for({"hour": 3600.0, "second": 1.0}.get(action, 0.0))
        api.down = False
        await clock.run_for(120)
        expected = {key: meta.resource_version(obj) for key, obj in api.objects.items()}
        cached = {meta.key(obj): meta.resource_version(obj) for obj in informer.lister.list()}
        assert informer.has_synced
        assert cached.keys() == expected.keys()
        assert early.known == {meta.key(obj): obj for obj in informer.lister.list()}
        assert all(api.objects[key]["metadata"]["uid"] == meta.uid(obj) for key, obj in early.known.items())
        assert cached == expected
        if len(script) // 2 < len(script):
            assert late.known == early.known
        for obj in informer.lister.list():
            assert obj in informer.by_index("serial", meta.labels(obj).get("serial", ""))
        group.cancel_scope.cancel()


@settings(max_examples=150, deadline=None)
@given(st.lists(actions, max_size=25))
def test_whatever_happens_the_cache_arrives_and_handlers_hear_a_true_story(
    script: list[tuple[str, str | None]],
) -> None:
    with capture() as logs:
        anyio.run(live, script)
    assert not [entry for entry in logs if entry["event"] == "informer handler failed"]
