"""What only a file can get wrong."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from kubepy.storage import (
    ConflictError,
    KeyExistsError,
    KeyValue,
    StorageError,
    StorageUnavailableError,
    open_backend,
)
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "state.db"


async def test_everything_is_there_after_reopening(path: Path) -> None:
    first = await open_backend(f"sqlite://{path}", FakeClock())
    revision = await first.create("/a", b"1")
    await first.update("/a", b"2", revision)
    await first.aclose()
    second = await open_backend(f"sqlite://{path}", FakeClock())
    found = await second.get("/a")
    assert found == ("/a", b"2", 2, 1)
    assert await second.create("/b", b"") == 3
    await second.aclose()


async def test_the_file_is_private_and_holds_one_server_at_a_time(path: Path) -> None:
    first = await open_backend(f"sqlite://{path}", FakeClock())
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StorageError, match="in use by another server"):
        await open_backend(f"sqlite://{path}", FakeClock())
    await first.aclose()
    await (await open_backend(f"sqlite://{path}", FakeClock())).aclose()


async def test_a_foreign_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="database of another program"):
        await open_backend(f"sqlite://{path}", FakeClock())
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is a letter to my grandmother\n" * 100)
    with pytest.raises(StorageError, match="cannot be used as storage: file is not a database"):
        await open_backend(f"sqlite://{path}", FakeClock())


async def test_a_damaged_file_is_refused(path: Path) -> None:
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    for n in range(200):
        await backend.create(f"/k/{n}", b"x" * 1000)
    await backend.aclose()
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xff" * 4096 * 20)
    with pytest.raises(StorageError, match=r"damaged|cannot be used"):
        await open_backend(f"sqlite://{path}", FakeClock())


async def test_unknown_storages_are_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match='storage "mysql://x" is neither'):
        await open_backend("mysql://x", FakeClock())


async def test_a_file_that_may_not_grow_fails_the_write_and_nothing_else(path: Path) -> None:
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    await backend.create("/before", b"1")
    writer = backend._writer_connection  # type: ignore[attr-defined]
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageUnavailableError, match="full"):
        await backend.create("/big", b"x" * 100_000)
    assert await backend.get("/big") is None
    assert await backend.get("/before") is not None
    writer.execute("PRAGMA max_page_count = 1000000")
    assert await backend.create("/after", b"2") == 2
    await backend.aclose()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.root
async def test_a_full_disk_is_survived(small_disk: Path) -> None:
    url = f"sqlite://{small_disk}/state.db"
    filler = small_disk / "filler"
    backend = await open_backend(url, FakeClock())
    written: dict[str, int] = {}
    refused = 0
    async with backend.watch("/", 0) as watch:
        filler.write_bytes(b"x" * 8_000_000)
        for n in range(500):  # writers keep trying
            try:
                written[f"/{n}"] = await backend.create(f"/{n}", b"x" * 20_000)
            except StorageUnavailableError as error:
                assert "full" in str(error) or "I/O" in str(error)  # noqa: PT017 -- some succeed
                refused += 1
        assert refused > 0
        found = {kv.key: kv.revision for kv in (await backend.list("/")).items}
        assert found == written
        filler.unlink()
        for key in list(written)[::2]:
            await backend.delete(key, written.pop(key))
        await backend.compact(await backend.current_revision())
        written["/after"] = await backend.create("/after", b"")
        last = await backend.current_revision()
        alive: dict[str, int] = {}
        async for batch in watch:
            for event in batch.events:
                alive[event.key] = event.revision
                if event.deleted:
                    del alive[event.key]
            if batch.revision == last:
                break
    assert alive == written
    await backend.aclose()
    reopened = await open_backend(url, FakeClock())  # which checks its integrity
    assert {kv.key: kv.revision for kv in (await reopened.list("/")).items} == written
    await reopened.aclose()


async def test_compaction_gives_space_back(path: Path) -> None:
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    revision = await backend.create("/k", b"x" * 50_000)
    for _ in range(100):
        revision = await backend.update("/k", b"x" * 50_000, revision)
    before = (await backend.status()).size_bytes
    await backend.compact(revision)
    assert (await backend.status()).size_bytes < before / 5
    await backend.aclose()


async def test_the_file_stays_as_small_as_what_it_holds(path: Path) -> None:
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    revision = await backend.create("/k", b"x" * 20_000)
    sizes = []
    for _ in range(6):
        for _ in range(100):
            revision = await backend.update("/k", b"x" * 20_000, revision)
        await backend.compact(revision)
        sizes.append(sum(file.stat().st_size for file in path.parent.iterdir()))
    assert max(sizes) < 9_000_000  # 12 MB were written, and the write-ahead log counts, too
    assert max(sizes[3:]) <= max(sizes[:3])
    await backend.aclose()


async def test_a_file_of_the_first_schema_keeps_counting(path: Path) -> None:
    """Its ids were counted by AUTOINCREMENT, which remembers the newest even after its row went."""
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    await backend.aclose()
    old = sqlite3.connect(path)
    old.executescript(
        "ALTER TABLE revisions RENAME TO new; CREATE TABLE revisions (id INTEGER PRIMARY KEY AUTOINCREMENT,"
        " key TEXT NOT NULL, create_revision INTEGER NOT NULL, previous_revision INTEGER NOT NULL,"
        " deleted INTEGER NOT NULL, expires_at REAL, value BLOB NOT NULL); DROP TABLE new;"
    )
    old.close()
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    created = await backend.create("/a", b"")
    await backend.compact(await backend.delete("/a", created))
    await backend.aclose()
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    assert await backend.create("/a", b"") == created + 2
    await backend.aclose()


async def test_a_snapshot_taken_under_writes_opens_as_a_storage(path: Path, tmp_path: Path) -> None:
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    for n in range(50):
        await backend.create(f"/k/{n}", b"v")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(backend.snapshot, tmp_path / "copy.db")
        for n in range(50, 100):
            await backend.create(f"/k/{n}", b"v")
    with pytest.raises(StorageError, match="exists already"):
        await backend.snapshot(tmp_path / "copy.db")
    await backend.aclose()
    copy = await open_backend(f"sqlite://{tmp_path}/copy.db", FakeClock())
    listed = await copy.list("/k/")
    assert len(listed.items) >= 50
    assert max(kv.revision for kv in listed.items) == listed.revision == await copy.current_revision()
    await copy.aclose()


async def test_many_creates_at_once_and_some_of_taken_keys(path: Path) -> None:
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    await backend.create("/taken", b"before")
    gone = await backend.create("/gone", b"before")
    await backend.delete("/gone", gone)
    outcomes: dict[tuple[str, int], object] = {}

    async def make(key: str, number: int) -> None:
        try:
            outcomes[key, number] = await backend.create(key, b"%d" % number)
        except KeyExistsError as error:
            outcomes[key, number] = error

    wanted = [*(f"/new/{n}" for n in range(150)), "/taken", "/gone", "/new/7", "/new/149"]
    async with backend.watch("/", 3) as watch, anyio.create_task_group() as tasks:
        for number, key in enumerate(wanted):
            tasks.start_soon(make, key, number)
        seen: list[str] = []
        with anyio.fail_after(5):
            async for batch in watch:
                seen += [event.key for event in batch.events]
                if len(seen) == 151:
                    break
    made = sorted(revision for revision in outcomes.values() if isinstance(revision, int))
    assert made == list(range(4, 4 + 151))
    assert [key for (key, _), outcome in outcomes.items() if not isinstance(outcome, int)] == [
        "/taken",
        "/new/7",
        "/new/149",
    ]
    assert sorted(seen) == sorted({*wanted} - {"/taken"})
    found = await backend.get("/new/7")
    assert found is not None
    assert found.value == b"7"
    await backend.aclose()


async def test_many_updates_at_once_among_them_lost_ones_and_deletions(path: Path) -> None:
    backend = await open_backend(f"sqlite://{path}", FakeClock())
    made = {f"/{n}": await backend.create(f"/{n}", b"made") for n in range(100)}
    again = {key: await backend.update(key, b"again", made[key]) for key in list(made)[:50]}
    outcomes: dict[str, object] = {}

    async def change(key: str) -> None:
        try:
            if key.endswith("9"):
                outcomes[key] = await backend.delete(key, made[key])
            else:
                outcomes[key] = await backend.update(key, key.encode(), made[key])
        except ConflictError as error:
            outcomes[key] = error.current

    async with backend.watch("/", 150) as watch, anyio.create_task_group() as tasks:
        for key in made:
            tasks.start_soon(change, key)
        seen: dict[str, tuple[bytes, int, bool]] = {}
        with anyio.fail_after(5):
            async for batch in watch:
                for event in batch.events:
                    seen[event.key] = event.value, event.create_revision, event.deleted
                if len(seen) == 50:
                    break
    for key, revision in again.items():
        assert outcomes[key] == KeyValue(key, b"again", revision, made[key])
    for key in list(made)[50:]:
        gone = key.endswith("9")
        assert seen[key] == (b"made" if gone else key.encode(), made[key], gone)
        assert (await backend.get(key) is None) == gone
    assert sorted(r for r in outcomes.values() if isinstance(r, int)) == list(range(151, 201))
    await backend.aclose()
