"""The behaviour every storage must show; each test runs over each backend."""

import anyio
import pytest

from kubepy.storage import (
    Backend,
    CompactedError,
    ConflictError,
    Event,
    FutureRevisionError,
    KeyExistsError,
    StorageUnavailableError,
    Watch,
)
from kubepy.storage.compaction import maintain
from kubepy.storage.etcd.backend import EtcdBackend
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio


async def take(watch: Watch, count: int) -> list[Event]:
    events: list[Event] = []
    with anyio.fail_after(5):
        async for batch in watch:
            events += batch.events
            if len(events) >= count:
                return events
    raise AssertionError(f"the watch ended after {len(events)} events")


async def test_a_created_key_is_read_back_at_its_revision(backend: Backend) -> None:
    first = await backend.create("/a/x", b"1")
    second = await backend.create("/a/y", b"2")
    assert second == first + 1 == await backend.current_revision()
    found = await backend.get("/a/y")
    assert found is not None
    assert found == ("/a/y", b"2", second, second)
    assert await backend.get("/a/z") is None


async def test_create_refuses_a_key_that_exists_and_makes_no_revision(backend: Backend) -> None:
    created = await backend.create("/a", b"1")
    with pytest.raises(KeyExistsError):
        await backend.create("/a", b"2")
    assert await backend.current_revision() == created


async def test_update_swaps_only_at_the_expected_revision(backend: Backend) -> None:
    created = await backend.create("/a", b"1")
    updated = await backend.update("/a", b"2", created)
    with pytest.raises(ConflictError) as lost:
        await backend.update("/a", b"3", created)
    assert lost.value.current == ("/a", b"2", updated, created)
    with pytest.raises(ConflictError) as gone:
        await backend.update("/b", b"3", 7)
    assert gone.value.current is None


async def test_a_key_deleted_and_created_again_has_a_new_create_revision(backend: Backend) -> None:
    created = await backend.create("/a", b"1")
    with pytest.raises(ConflictError):
        await backend.delete("/a", created + 5)
    assert await backend.delete("/a", created) == created + 1
    assert await backend.get("/a") is None
    with pytest.raises(ConflictError):
        await backend.delete("/a", created)
    again = await backend.create("/a", b"2")
    found = await backend.get("/a")
    assert found is not None
    assert found.create_revision == again == created + 2


async def test_list_keeps_to_the_prefix_and_orders_by_bytes(backend: Backend) -> None:
    last = 0
    for key in ("/pods/b/1", "/pods/a/2", "/pods/a-b/1", "/podsx/a", "/pods/é/1"):
        last = await backend.create(key, key.encode())
    listed = await backend.list("/pods/")
    assert [kv.key for kv in listed.items] == ["/pods/a-b/1", "/pods/a/2", "/pods/b/1", "/pods/é/1"]
    assert [kv.key for kv in (await backend.list("/pods/a/")).items] == ["/pods/a/2"]
    assert listed.revision == last


async def test_pages_at_one_revision_do_not_see_later_writes(backend: Backend) -> None:
    revisions = {f"/p/{n}": await backend.create(f"/p/{n}", b"old") for n in range(5)}
    first = await backend.list("/p/", limit=2)
    assert ([kv.key for kv in first.items], first.remaining) == (["/p/0", "/p/1"], 3)
    await backend.update("/p/3", b"new", revisions["/p/3"])
    await backend.delete("/p/4", revisions["/p/4"])
    await backend.create("/p/2a", b"new")
    rest = await backend.list("/p/", revision=first.revision, limit=3, start=first.items[-1].key + "\0")
    assert [(kv.key, kv.value) for kv in rest.items] == [(f"/p/{n}", b"old") for n in (2, 3, 4)]
    assert (rest.remaining, rest.revision) == (0, first.revision)
    assert [kv.key for kv in (await backend.list("/p/")).items] == ["/p/0", "/p/1", "/p/2", "/p/2a", "/p/3"]


async def test_list_refuses_a_revision_not_yet_written(backend: Backend) -> None:
    created = await backend.create("/a", b"")
    with pytest.raises(FutureRevisionError):
        await backend.list("/", revision=created + 1)


async def test_watch_replays_the_past_then_follows_without_gap_or_double(backend: Backend) -> None:
    created = await backend.create("/w/a", b"1")
    await backend.create("/other", b"")
    updated = await backend.update("/w/a", b"2", created)
    async with backend.watch("/w/", created) as watch:
        deleted = await backend.delete("/w/a", updated)
        last = await backend.create("/w/b", b"3")
        assert await take(watch, 3) == [
            Event("/w/a", b"2", updated, created, False),
            Event("/w/a", b"2", deleted, created, True),
            Event("/w/b", b"3", last, last, False),
        ]


async def test_watch_from_now_starts_with_the_next_write(backend: Backend) -> None:
    await backend.create("/a", b"1")
    async with backend.watch("/", await backend.current_revision()) as watch:
        await backend.create("/b", b"2")
        assert [e.key for e in await take(watch, 1)] == ["/b"]


async def test_a_watch_ends_when_the_storage_closes(backend: Backend) -> None:
    now = await backend.current_revision()
    async with backend.watch("/", now) as watch, anyio.create_task_group() as tasks:
        tasks.start_soon(backend.aclose)
        with anyio.fail_after(5):
            assert [e async for batch in watch for e in batch.events] == []
    with pytest.raises(StorageUnavailableError):
        await backend.create("/a", b"")


async def test_concurrent_writers_get_every_revision_once_and_watchers_see_one_order(
    backend: Backend,
) -> None:
    revisions: list[int] = []
    start = await backend.current_revision()

    async def write(n: int) -> None:
        revision = await backend.create(f"/c/{n}", b"")
        revisions.append(revision)
        revisions.append(await backend.update(f"/c/{n}", b"2", revision))

    async with backend.watch("/c/", start) as one, backend.watch("/c/", start) as two:
        async with anyio.create_task_group() as tasks:
            for n in range(50):
                tasks.start_soon(write, n)
        seen = await take(one, 100)
        assert seen == await take(two, 100)
    assert sorted(revisions) == [e.revision for e in seen] == list(range(start + 1, start + 101))


async def test_only_one_of_many_swaps_at_one_revision_wins(backend: Backend) -> None:
    start = await backend.create("/lock", b"")
    winners: list[int] = []

    async def swap(n: int) -> None:
        try:
            await backend.update("/lock", str(n).encode(), start)
        except ConflictError:
            return
        winners.append(n)

    async with anyio.create_task_group() as tasks:
        for n in range(20):
            tasks.start_soon(swap, n)
    found = await backend.get("/lock")
    assert found is not None
    assert [str(n).encode() for n in winners] == [found.value]


async def test_compaction_forgets_the_superseded_and_keeps_the_current(backend: Backend) -> None:
    first = await backend.create("/k", b"1")
    second = await backend.update("/k", b"2", first)
    gone = await backend.create("/gone", b"")
    await backend.delete("/gone", gone)
    third = await backend.update("/k", b"3", second)
    await backend.compact(third)
    for stale in (first, second, gone):
        with pytest.raises(CompactedError):
            await backend.list("/", revision=stale)
        with pytest.raises(CompactedError):
            async with backend.watch("/", stale):
                raise AssertionError("the watch began")
    found = await backend.get("/k")
    assert found == ("/k", b"3", third, first)
    assert [kv.key for kv in (await backend.list("/", revision=third)).items] == ["/k"]
    async with backend.watch("/", third) as watch:
        await backend.create("/new", b"")
        assert [e.key for e in await take(watch, 1)] == ["/new"]


async def test_revisions_never_go_back_after_everything_was_deleted_and_compacted(backend: Backend) -> None:
    created = await backend.create("/k", b"1")
    deleted = await backend.delete("/k", created)
    await backend.compact(deleted)
    assert await backend.create("/k", b"1") == deleted + 1


async def test_a_key_with_a_time_to_live_is_deleted_after_it(backend: Backend, clock: FakeClock) -> None:
    if isinstance(backend, EtcdBackend):
        pytest.skip("etcd's leases run on etcd's own clock: test_etcd.py")
    short = await backend.create("/short", b"", ttl=60)
    await backend.create("/renewed", b"", ttl=60)
    await backend.create("/kept", b"")
    clock.advance(50)
    renewed = await backend.get("/renewed")
    assert renewed is not None
    await backend.update("/renewed", b"2", renewed.revision, ttl=60)
    assert await backend.expire() == 0
    clock.advance(20)
    async with backend.watch("/", await backend.current_revision()) as watch:
        assert await backend.expire() == 1
        assert [(e.key, e.deleted, e.create_revision) for e in await take(watch, 1)] == [
            ("/short", True, short)
        ]
    assert [kv.key for kv in (await backend.list("/")).items] == ["/kept", "/renewed"]


async def test_maintenance_keeps_one_interval_of_history(backend: Backend, clock: FakeClock) -> None:
    pause = 0.1 if isinstance(backend, EtcdBackend) else 0.01  # for what goes over a network

    async def pass_five_minutes() -> None:
        for _ in range(10):
            clock.advance(30)
            await anyio.sleep(pause)

    first = await backend.create("/k", b"1")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(maintain, backend, clock)
        await anyio.sleep(3 * pause)
        await backend.update("/k", b"2", first)
        await pass_five_minutes()
        await backend.list("/", revision=first)  # the mark was taken at the start: nothing older to lose
        now = await backend.current_revision()
        await pass_five_minutes()
        with pytest.raises(CompactedError):
            await backend.list("/", revision=first)
        await backend.list("/", revision=now)
        tasks.cancel_scope.cancel()
