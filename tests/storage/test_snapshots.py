"""Snapshots: whole or refused, and a storage made of one holds everything and makes clients begin anew."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from kubepy.cmd.main import main
from kubepy.storage import Backend, CompactedError, StorageError, open_backend
from kubepy.storage.snapshots import files
from kubepy.storage.snapshots.bolt import Reader, Writer
from kubepy.storage.snapshots.schedule import take_regularly
from kubepy.util.clock import FakeClock, SystemClock
from tests.storage.conftest import empty
from tests.storage.etcd import Cluster, make_cluster, needs_etcd

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", pytest.param("etcd", marks=needs_etcd)])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/state.db"
    cluster: Cluster = request.getfixturevalue("etcd")
    return cluster.url


@pytest.fixture
async def storage(url: str) -> AsyncIterator[Backend]:
    backend = await open_backend(url, SystemClock())
    await empty(backend)
    yield backend
    await backend.aclose()


async def fill(backend: Backend) -> dict[str, tuple[bytes, int, int]]:
    for n in range(300):
        await backend.create(f"/registry/pods/default/{n:03}", b"v" * (n * 40))  # beyond a page, too
    first = (await backend.list("/registry/pods/default/", limit=2)).items
    await backend.update(first[0].key, b"changed", first[0].revision)
    await backend.delete(first[1].key, first[1].revision)
    return await contents(backend)


async def contents(backend: Backend) -> dict[str, tuple[bytes, int, int]]:
    items = (await backend.list("/registry/")).items
    return {kv.key: (kv.value, kv.revision, kv.create_revision) for kv in items}


async def check_restored(backend: Backend, wanted: dict[str, tuple[bytes, int, int]], old: int) -> None:
    assert await contents(backend) == wanted
    status = await backend.status()
    assert status.revision >= old + files.BUMP
    for stale in (1, old, old + 1000):  # what clients of the lost cluster may have seen
        with pytest.raises(CompactedError):
            async with backend.watch("/registry/", stale):
                pass
    async with backend.watch("/registry/", status.compact_revision) as watch:
        key = "/registry/pods/default/000"
        revision = await backend.update(key, b"after", wanted[key][1])
        assert revision > old + files.BUMP
        with anyio.fail_after(5):
            async for batch in watch:
                if batch.events:
                    assert [(e.key, e.value) for e in batch.events] == [(key, b"after")]
                    break


async def test_a_snapshot_under_writes_is_restored_with_everything(
    url: str, storage: Backend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = await fill(storage)
    old = await storage.current_revision()
    path = tmp_path / "cluster.snapshot"
    command = [sys.executable, "-m", "kubepy", "snapshot", "save", str(path), "--storage", url]
    saved = await anyio.run_process(command)
    assert f"revision  {old}\n".encode() in saved.stdout
    lost = await storage.create("/registry/pods/default/lost", b"")
    assert main(["snapshot", "status", str(path)]) == 0
    said = capsys.readouterr().out
    found = files.status(path)
    assert (found.revision, found.size_bytes) == (old, path.stat().st_size)
    assert f"revision  {old}" in said
    assert found.digest in said
    assert path.stat().st_mode & 0o777 == 0o600
    if found.kind == "sqlite":
        assert found.keys == len(wanted)
        subprocess.run(
            ["sha256sum", "-c", f"{path.name}.sha256"], cwd=tmp_path, check=True, capture_output=True
        )
    again = await anyio.run_process(command, check=False)
    assert (again.returncode, b"exists already" in again.stderr) == (1, True)
    assert lost

    if found.kind == "sqlite":
        assert main(["snapshot", "restore", str(path), "--data", f"{tmp_path}/new/state.db"]) == 0
        restored = await open_backend(f"sqlite://{tmp_path}/new/state.db", SystemClock())
        await check_restored(restored, wanted, old)
        await restored.aclose()
        restore = ["snapshot", "restore", str(path), "--data", f"{tmp_path}/new/state.db"]
        assert main(restore) == 1
        (tmp_path / "new/state.db").rename(tmp_path / "new/state.db-wal")
        assert main(restore) == 1  # a log of another file must not be played into the new one
        assert "state.db-wal exists already" in capsys.readouterr().err
        return
    cluster = make_cluster(tmp_path / "new", 3)
    directories = [argument for member in cluster.members for argument in ("--data", str(member.data))]
    assert main(["snapshot", "restore", str(path), *directories]) == 0
    cluster.start()
    try:
        restored = await open_backend(cluster.url, SystemClock())
        await check_restored(restored, wanted, old)
        await restored.aclose()
        cluster.members[0].kill()  # what a member got from its log and from the snapshot fits together
        cluster.members[0].start()
        cluster.members[0].wait()
        restored = await open_backend(cluster.url, SystemClock())
        assert (await restored.get("/registry/pods/default/000")) is not None
        second = tmp_path / "second.snapshot"
        await restored.snapshot(second)
        await restored.aclose()
    finally:
        cluster.stop()
    assert files.restore(second, tmp_path / "again") > old + 2 * files.BUMP


@needs_etcd
async def test_etcdctl_agrees_about_a_snapshot(etcd: Cluster, tmp_path: Path) -> None:
    tool = shutil.which("etcdctl")
    if tool is None:
        pytest.skip("etcdctl is not installed")
    backend = await open_backend(etcd.url, SystemClock())
    await empty(backend)
    await fill(backend)
    path = tmp_path / "snapshot"
    await backend.snapshot(path)
    await backend.aclose()
    done = subprocess.run(
        [tool, "snapshot", "status", str(path)],
        env={"ETCDCTL_API": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.split(",")[1]) == files.status(path).revision


@pytest.mark.parametrize("damage", ["flip", "cut"])
async def test_a_damaged_snapshot_is_refused(storage: Backend, tmp_path: Path, damage: str) -> None:
    await fill(storage)
    path = tmp_path / "snapshot"
    await storage.snapshot(path)
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    else:
        del data[-5000:]
    path.write_bytes(data)
    with pytest.raises(StorageError, match=r"damaged|no complete snapshot"):
        files.status(path)
    with pytest.raises(StorageError, match=r"damaged|no complete snapshot"):
        files.restore(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "letter"
    path.write_text("dear grandmother")
    assert main(["snapshot", "status", str(path)]) == 1
    assert "it is no complete snapshot" in capsys.readouterr().err
    assert main(["snapshot", "status", str(tmp_path / "nothing")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_bolt_file_is_read_as_written(tmp_path: Path) -> None:
    many = [(f"{n:08}".encode(), b"v" * (n % 7)) for n in range(20_000)]  # three levels of pages
    big = [(b"a", b"x" * 100_000), (b"b", b""), (b"c", b"y" * 5000)]
    with Writer(tmp_path / "db") as writer:
        writer.bucket(b"many", many)
        writer.bucket(b"big", big)
        writer.bucket(b"none", [])
    reader = Reader(memoryview((tmp_path / "db").read_bytes()))
    assert set(reader.buckets) == {b"many", b"big", b"none"}
    for name, items in ((b"many", many), (b"big", big), (b"none", []), (b"absent", [])):
        assert [(key, bytes(value)) for key, value in reader.items(name)] == items


async def test_scheduled_snapshots_keep_the_newest(backend: Backend, tmp_path: Path) -> None:
    clock = FakeClock()
    directory = tmp_path / "snapshots"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: take_regularly(backend, clock, directory, interval=3600, retention=2))
        names: list[str] = []
        for _ in range(4):
            await anyio.sleep(0.1)
            clock.advance(3600)
            with anyio.fail_after(10):
                while (newest := f"snapshot-{clock.now():%Y%m%dT%H%M%SZ}.db") not in {
                    file.name for file in directory.glob("*")
                }:
                    await anyio.sleep(0.01)
            names.append(newest)
        await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
    assert sorted(file.name for file in directory.glob("*.db")) == names[-2:]
