"""Histories that hypothesis makes up, checked against a model that is too simple to be wrong."""

import itertools
import random
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubepy.storage import (
    Backend,
    CompactedError,
    ConflictError,
    Event,
    FutureRevisionError,
    KeyExistsError,
    KeyValue,
    Watch,
)

pytestmark = pytest.mark.anyio

KEYS = ["/m/a/1", "/m/a/2", "/m/a-b", "/m/b/1", "/m/é", "/mm"]
PREFIXES = ["/m/", "/m/a/", "/m/b/", "/mm", "/none/"]


class Step(NamedTuple):
    """`at`: which of the key's past revisions a swap names; 0 is the current one."""

    verb: Literal["create", "update", "delete", "get", "list", "page", "compact"]
    key: str
    prefix: str
    at: int


STEPS = st.builds(
    Step,
    st.sampled_from(
        ["create", "create", "create", "update", "update", "delete", "get", "list", "page", "compact"]
    ),
    st.sampled_from(KEYS),
    st.sampled_from(PREFIXES),
    st.integers(0, 6),
)


@dataclass
class Model:
    """All states there ever were, by revision."""

    start: int
    states: dict[int, dict[str, KeyValue]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    revision: int = 0
    compacted: int = 0

    def __post_init__(self) -> None:
        self.revision = self.start
        self.states[self.start] = {}

    @property
    def now(self) -> dict[str, KeyValue]:
        return self.states[self.revision]

    def wrote(self, revision: int, key: str, value: bytes | None) -> None:
        assert revision == self.revision + 1
        state, old = dict(self.now), self.now.get(key)
        created = old.create_revision if old else revision
        if value is None:
            assert old is not None
            del state[key]
            self.events.append(Event(key, old.value, revision, created, True))
        else:
            state[key] = KeyValue(key, value, revision, created)
            self.events.append(Event(key, value, revision, created, False))
        self.revision = revision
        self.states[revision] = state

    def listed(self, prefix: str, revision: int) -> list[KeyValue]:
        found = [kv for key, kv in self.states[revision].items() if key.startswith(prefix)]
        return sorted(found, key=lambda kv: kv.key.encode())


async def carry_out(backend: Backend, model: Model, step: Step, value: bytes) -> None:
    current = model.now.get(step.key)
    past = [e.revision for e in reversed(model.events) if e.key == step.key and not e.deleted]
    named = past[step.at % len(past)] if past else model.revision + 5
    then = max(model.start, model.revision - step.at)
    match step.verb:
        case "create" if current is None:
            model.wrote(await backend.create(step.key, value), step.key, value)
        case "create":
            with pytest.raises(KeyExistsError):
                await backend.create(step.key, value)
        case "update" | "delete" if current is None or current.revision != named:
            swap = (
                backend.update(step.key, value, named)
                if step.verb == "update"
                else backend.delete(step.key, named)
            )
            with pytest.raises(ConflictError) as lost:
                await swap
            assert lost.value.current == current
        case "update":
            model.wrote(await backend.update(step.key, value, named), step.key, value)
        case "delete":
            model.wrote(await backend.delete(step.key, named), step.key, None)
        case "get":
            assert await backend.get(step.key) == current
        case "list" if then < model.compacted:
            with pytest.raises(CompactedError) as gone:
                await backend.list(step.prefix, revision=then)
            assert gone.value.compact_revision == model.compacted
        case "list":
            assert await backend.list(step.prefix, revision=then) == (
                model.listed(step.prefix, then),
                then,
                0,
            )
            with pytest.raises(FutureRevisionError):
                await backend.list(step.prefix, revision=model.revision + 1)
        case "page":
            wanted = model.listed(step.prefix, model.revision)
            page = await backend.list(step.prefix, limit=2)
            assert page == (wanted[:2], model.revision, max(0, len(wanted) - 2))
            if page.items:
                rest = await backend.list(
                    step.prefix, revision=page.revision, start=page.items[-1].key + "\0"
                )
                assert rest == (wanted[2:], model.revision, 0)
        case "compact" if then > model.compacted:
            await backend.compact(then)
            model.compacted = then


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=5, max_size=40), prefix=st.sampled_from(PREFIXES))
async def test_any_history_is_as_the_model_says(backend: Backend, steps: list[Step], prefix: str) -> None:
    for kv in (await backend.list("/m")).items:
        await backend.delete(kv.key, kv.revision)
    model = Model(await backend.current_revision())
    async with backend.watch(prefix, model.start) as live:
        seen: list[Event] = []
        at = model.start
        for n, step in enumerate([*steps, None]):
            if step is None or step.verb == "compact":  # what a compaction overtakes need not come any more
                seen += await seen_until(live, at, model.revision)
                at = model.revision
            if step is not None:
                await carry_out(backend, model, step, f"{n}".encode())
            assert await backend.current_revision() == model.revision
        assert seen == [e for e in model.events if e.key.startswith(prefix)]
    for start in range(model.start, model.revision + 1, 3):
        if start < model.compacted:
            with pytest.raises(CompactedError):
                async with backend.watch(prefix, start):
                    pass
            continue
        async with backend.watch(prefix, start) as watch:
            assert await seen_until(watch, start, model.revision) == [
                e for e in model.events if e.key.startswith(prefix) and e.revision > start
            ]


async def seen_until(watch: Watch, start: int, revision: int) -> list[Event]:
    """What comes from a watch that is at `start` until it is at `revision`."""
    seen: list[Event] = []
    with anyio.fail_after(5):
        while start < revision:
            batch = await anext(watch)
            seen += batch.events
            start = batch.revision
    return seen


@dataclass
class Operation:
    """A call with the time it took, and what it said."""

    begun: int
    ended: int
    kind: str
    key: str
    revision: int
    swapped: int = 0


async def test_concurrent_histories_are_linearizable(backend: Backend) -> None:
    """Revisions give the order: it must explain each answer and agree with what had ended before what began."""
    ticks = itertools.count()
    operations: list[Operation] = []
    start = await backend.current_revision()
    rng = random.Random(7)

    async def work() -> None:
        for _ in range(25):
            key = rng.choice(KEYS[:3])
            begun = next(ticks)
            found = await backend.get(key)
            operations.append(Operation(begun, next(ticks), "get", key, found.revision if found else 0))
            begun = next(ticks)
            try:
                if found is None:
                    kind, swapped, revision = "create", 0, await backend.create(key, b"x")
                elif rng.random() < 0.4:
                    kind, swapped = "delete", found.revision
                    revision = await backend.delete(key, swapped)
                else:
                    kind, swapped = "update", found.revision
                    revision = await backend.update(key, b"y", swapped)
            except (KeyExistsError, ConflictError):
                continue
            operations.append(Operation(begun, next(ticks), kind, key, revision, swapped))

    async with backend.watch("/m/", start) as watch:
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(work)
        events = await seen_until(watch, start, await backend.current_revision())
    writes = sorted((o for o in operations if o.kind != "get"), key=lambda o: o.revision)
    assert [(e.key, e.revision) for e in events] == [(o.key, o.revision) for o in writes]
    at: dict[str, int] = {}
    for write in writes:  # each swap found what the order says it found
        assert at.get(write.key, 0) == write.swapped
        at[write.key] = 0 if write.kind == "delete" else write.revision
    for first, second in itertools.combinations(writes, 2):
        assert not second.ended < first.begun, "a write that had ended comes after one that began later"
    for read in (o for o in operations if o.kind == "get"):
        own = [w for w in writes if w.key == read.key]
        before = [w for w in own if w.ended < read.begun]
        if before:  # a read sees what had been acknowledged when it began, or something newer
            oldest = before[-1]
            allowed = {0 if w.kind == "delete" else w.revision for w in own if w.revision >= oldest.revision}
            assert read.revision in allowed
