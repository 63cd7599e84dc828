"""A storage in another process: what its clients see of each other, and of its end."""

from __future__ import annotations

import socket
from pathlib import Path

import anyio
import pytest

from kubepy.storage import ConflictError, KeyExistsError, StorageUnavailableError, open_backend
from kubepy.storage.shared import client as shared_client
from kubepy.storage.shared.channel import Channel, Message
from kubepy.storage.shared.client import SharedBackend
from kubepy.storage.shared.newest import Newest
from kubepy.storage.shared.server import StorageServer
from kubepy.util.clock import FakeClock

from .conftest import shared

pytestmark = pytest.mark.anyio


async def test_what_one_client_was_told_the_other_asks_its_watch_for(tmp_path: Path) -> None:
    async with shared(f"sqlite://{tmp_path}/state.db", FakeClock(), clients=2) as (one, two):
        for n in range(50):
            writer, reader = (one, two) if n % 2 else (two, one)
            written = await writer.create(f"/k/{n:02}", b"%d" % n)
            assert await reader.current_revision() == written
            found = await reader.get(f"/k/{n:02}")
            assert found is not None
            assert found.value == b"%d" % n


async def test_an_event_never_comes_before_its_revision_is_known_to_all(tmp_path: Path) -> None:
    async with shared(f"sqlite://{tmp_path}/state.db", FakeClock(), clients=3) as (writer, watcher, reader):
        start = await watcher.current_revision()
        async with watcher.watch("/k/", start) as watch, anyio.create_task_group() as tasks:

            async def write() -> None:
                for n in range(200):
                    await writer.create(f"/k/{n:03}", b"v")

            tasks.start_soon(write)
            seen = 0
            async for batch in watch:
                assert await reader.current_revision() >= batch.revision
                seen += len(batch.events)
                if seen == 200:
                    break


@pytest.mark.parametrize("url", ["sqlite://{}/state.db", "memory"])
async def test_errors_arrive_with_what_they_know(tmp_path: Path, url: str) -> None:
    async with shared(url.format(tmp_path), FakeClock(), clients=2) as (one, two):
        first = await one.create("/a", b"1")
        with pytest.raises(KeyExistsError) as exists:
            await two.create("/a", b"2")
        assert exists.value.key == "/a"
        second = await one.update("/a", b"3", first)
        with pytest.raises(ConflictError) as conflict:
            await two.update("/a", b"4", first)
        current = conflict.value.current
        assert current is not None
        assert (current.value, current.revision, current.create_revision) == (b"3", second, first)
        await one.delete("/a", second)
        with pytest.raises(ConflictError) as gone:
            await two.delete("/a", second)
        assert gone.value.current is None


async def test_a_long_list_comes_in_pages_of_one_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_client, "_PAGE", 7)
    async with shared(f"sqlite://{tmp_path}/state.db", FakeClock()) as (backend,):
        for n in range(21):
            last = await backend.create(f"/k/{n:02}", b"v")
        listed = await backend.list("/k/")
        assert [kv.key for kv in listed.items] == [f"/k/{n:02}" for n in range(21)]
        assert (listed.revision, listed.remaining) == (last, 0)


async def test_of_several_clients_one_compacts_at_a_time(tmp_path: Path) -> None:
    async with shared(f"sqlite://{tmp_path}/state.db", FakeClock(), clients=2) as (one, two):
        mine, theirs = await one.claim_compaction(0), await two.claim_compaction(0)
        assert (mine.mine, theirs.mine) == (True, False)
        assert (await two.claim_compaction(theirs.turn)).mine
        assert not (await one.claim_compaction(mine.turn)).mine


async def test_when_the_process_with_the_storage_is_gone_every_call_says_so() -> None:
    newest = Newest.make()
    here, there = socket.socketpair()
    lost = anyio.Event()
    backend = await SharedBackend.open(there, newest, lost.set)
    async with anyio.create_task_group() as tasks:
        failures = []

        async def write() -> None:
            with pytest.raises(StorageUnavailableError) as failure:
                await backend.create("/a", b"1")
            failures.append(str(failure.value))

        async def follow() -> None:
            with pytest.raises(StorageUnavailableError):
                async with backend.watch("/", 0):
                    pass

        tasks.start_soon(write)
        tasks.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        here.close()
        await lost.wait()
    assert failures == ["the storage's process is gone; a write may have been done"]
    with pytest.raises(StorageUnavailableError):
        await backend.current_revision()
    await backend.aclose()
    newest.close()


async def test_a_watch_ends_when_the_storage_closes(tmp_path: Path) -> None:
    newest = Newest.make()
    inner = await open_backend(f"sqlite://{tmp_path}/state.db", FakeClock())
    here, there = socket.socketpair()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon((await StorageServer.of(inner, newest)).serve, here)
        backend = await SharedBackend.open(there, newest)
        async with backend.watch("/", 0) as watch:
            await inner.aclose()
            assert [batch async for batch in watch if batch.events] == []
        await backend.aclose()
    newest.close()


async def test_a_frame_may_come_in_any_pieces(anyio_backend: str) -> None:
    left, right = socket.socketpair()
    received: list[Message] = []
    all_here = anyio.Event()

    def take(message: Message) -> None:
        received.append(message)
        if len(received) == 3:
            all_here.set()

    channel = await Channel.open(right, take, lambda: None)
    other, ours = socket.socketpair()
    sender = await Channel.open(other, lambda message: None, lambda: None)
    for message in ((1, "create", "/a", b"x" * 1000, None), (2, True, [(b"v", 3)]), (3, None, [], 9)):
        sender.send(message)
    await anyio.wait_all_tasks_blocked()
    ours.setblocking(True)
    frame = ours.recv(1 << 16)
    with left:
        for position in range(0, len(frame), 101):
            left.send(frame[position : position + 101])
            await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            await all_here.wait()
        assert [message[0] for message in received] == [1, 2, 3]
        assert received[0][3] == b"x" * 1000
        channel.close()
    sender.close()
    ours.close()
