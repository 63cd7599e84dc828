"""What only etcd can get wrong: members that die or stall, leases, certificates, other servers on it."""

import datetime
import ipaddress
import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubepy.storage import (
    Backend,
    CompactedError,
    ConflictError,
    KeyExistsError,
    StorageError,
    StorageUnavailableError,
    open_backend,
)
from kubepy.storage.compaction import maintain
from kubepy.storage.etcd.options import EtcdOptions
from kubepy.util.clock import FakeClock, SystemClock
from tests.storage.conftest import empty
from tests.storage.etcd import Cluster, make_cluster, needs_etcd

pytestmark = [pytest.mark.anyio, needs_etcd]


@pytest.fixture
async def one(etcd: Cluster) -> AsyncIterator[Backend]:
    backend = await open_backend(etcd.url, SystemClock())
    await empty(backend)
    yield backend
    await backend.aclose()


@pytest.fixture
async def other(etcd: Cluster, one: Backend) -> AsyncIterator[Backend]:
    backend = await open_backend(etcd.url, SystemClock())
    yield backend
    await backend.aclose()


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three members; a test leaves them all running."""
    cluster = make_cluster(tmp_path_factory.mktemp("trio"), 3)
    cluster.start()
    yield cluster
    cluster.stop()


def etcdctl(cluster: Cluster, *arguments: str) -> str:
    tool = shutil.which("etcdctl")
    if tool is None:
        pytest.skip("etcdctl is not installed")
    done = subprocess.run(
        [tool, "--endpoints", cluster.members[0].address, *arguments],
        env={"ETCDCTL_API": "3"},
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout


async def test_etcdctl_reads_the_keys(etcd: Cluster, one: Backend) -> None:
    revision = await one.create("/registry/pods/default/a", b'{"kind":"Pod"}')
    answer = json.loads(etcdctl(etcd, "get", "/registry/pods/default/a", "-w", "json"))
    assert b64decode(answer["kvs"][0]["value"]) == b'{"kind":"Pod"}'
    assert answer["kvs"][0]["mod_revision"] == revision
    etcdctl(etcd, "put", "/registry/pods/default/b", "x")
    assert [kv.key for kv in (await one.list("/registry/pods/")).items] == [
        "/registry/pods/default/a",
        "/registry/pods/default/b",
    ]


async def test_what_one_server_acknowledged_the_other_sees(one: Backend, other: Backend) -> None:
    async with other.watch("/registry/", await other.current_revision()) as watch:
        for n in range(20):
            revision = await one.create(f"/registry/pods/default/{n}", b"")
            assert await other.current_revision() >= revision
            with anyio.fail_after(5):
                assert (await anext(watch)).revision >= revision


async def test_a_write_that_concerns_no_watcher_moves_the_watch_on(one: Backend, other: Backend) -> None:
    async with other.watch("/registry/", await other.current_revision()) as watch:
        revision = await one.create("/elsewhere", b"")
        with anyio.fail_after(5):
            assert await anext(watch) == ([], revision)


async def test_only_one_server_gets_a_key_or_a_swap(one: Backend, other: Backend) -> None:
    start = await one.create("/registry/lock", b"")
    won: list[str] = []

    async def compete(backend: Backend, n: int) -> None:
        try:
            await backend.create(f"/registry/ips/{n}", b"")
            won.append(f"ip {n}")
        except KeyExistsError:
            pass
        try:
            await backend.update("/registry/lock", b"", start)
            won.append("lock")
        except ConflictError:
            pass

    async with anyio.create_task_group() as tasks:
        for n in range(20):
            tasks.start_soon(compete, one, n)
            tasks.start_soon(compete, other, n)
    assert sorted(won) == sorted([f"ip {n}" for n in range(20)] + ["lock"])


async def test_another_prefix_is_another_cluster(etcd: Cluster, one: Backend) -> None:
    await one.create("/registry/pods/default/a", b"one")
    tenant = await open_backend(etcd.url, SystemClock(), EtcdOptions(prefix="/tenant"))
    try:
        async with tenant.watch("/registry/", await tenant.current_revision()) as watch:
            revision = await tenant.create("/registry/pods/default/a", b"two")
            with anyio.fail_after(5):
                (event,) = (await anext(watch)).events
        assert (event.key, event.value) == ("/registry/pods/default/a", b"two")
        assert [kv.value for kv in (await tenant.list("/registry/")).items] == [b"two"]
        assert (await one.get("/tenant/pods/default/a")) is not None
        await tenant.delete("/registry/pods/default/a", revision)
    finally:
        await tenant.aclose()


async def test_keys_with_a_time_to_live_share_a_lease_that_ends(etcd: Cluster, one: Backend) -> None:
    for n in range(10):
        await one.create(f"/registry/events/default/{n}", b"", ttl=1)
    renewed = await one.get("/registry/events/default/0")
    assert renewed is not None
    await one.update("/registry/events/default/0", b"kept", renewed.revision)
    assert len(json.loads(etcdctl(etcd, "lease", "list", "-w", "json"))["leases"]) <= 2
    async with one.watch("/registry/", await one.current_revision()) as watch:
        with anyio.fail_after(20):
            gone = 0
            async for batch in watch:
                gone += sum(e.deleted and e.create_revision > 0 for e in batch.events)
                if gone == 9:
                    break
    assert [kv.value for kv in (await one.list("/registry/events/")).items] == [b"kept"]


async def test_one_server_compacts_at_a_time(one: Backend, other: Backend) -> None:
    turn_one, mine = await one.claim_compaction(0)
    if not mine:  # an earlier test left the key behind
        turn_one, mine = await one.claim_compaction(turn_one)
    assert mine
    turn_other, mine = await other.claim_compaction(turn_one - 1)
    assert (turn_other, mine) == (turn_one, False)
    assert (await other.claim_compaction(turn_other)).mine
    assert not (await one.claim_compaction(turn_one)).mine


async def test_servers_that_maintain_one_etcd_keep_an_interval_of_history(
    one: Backend, other: Backend
) -> None:
    clock = FakeClock()
    first = await one.create("/registry/k", b"1")
    second = await one.update("/registry/k", b"2", first)
    async with anyio.create_task_group() as tasks:
        for backend in (one, other):
            tasks.start_soon(maintain, backend, clock)
        await anyio.sleep(0.3)
        third = await one.update("/registry/k", b"3", second)
        for _ in range(10):
            clock.advance(30)
            await anyio.sleep(0.05)
        assert (await one.list("/registry/", revision=third)).items[0].value == b"3"
        for _ in range(10):
            clock.advance(30)
            await anyio.sleep(0.05)
        with pytest.raises(CompactedError) as compacted:
            await one.list("/registry/", revision=first)
        assert compacted.value.compact_revision == (await other.status()).compact_revision > first
        tasks.cancel_scope.cancel()


async def test_a_list_longer_than_a_page_is_of_one_revision(
    one: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubepy.storage.etcd.backend._PAGE", 3)
    for n in range(10):
        await one.create(f"/registry/p/{n}", b"")
    listed = await one.list("/registry/p/")
    assert ([kv.key[-1] for kv in listed.items], listed.remaining) == (list("0123456789"), 0)
    part = await one.list("/registry/p/", limit=7)
    assert ([kv.key[-1] for kv in part.items], part.remaining) == (list("0123456"), 3)


async def test_an_etcd_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubepy.storage.etcd.client.PATIENCE", 0.2)
    with pytest.raises(StorageUnavailableError, match=r"etcd 127\.0\.0\.1:1: "):
        await open_backend("etcd://127.0.0.1:1", SystemClock())


# --- three members


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members here are near and quick."""
    monkeypatch.setattr("kubepy.storage.etcd.client.READ_TIMEOUT", 1.0)
    monkeypatch.setattr("kubepy.storage.etcd.client.WRITE_TIMEOUT", 1.0)


class Load:
    """A writer who notes what was acknowledged, and a watcher who notes what came."""

    def __init__(self, backend: Backend, prefix: str) -> None:
        self.backend = backend
        self.prefix = prefix
        self.acknowledged: dict[str, int] = {}
        self.refused = 0
        self.seen: list[tuple[str, int]] = []
        self.longest_gap = 0.0
        self.enough = False

    async def write(self) -> None:
        n, last = 0, anyio.current_time()
        while not self.enough:
            n += 1
            key = f"{self.prefix}{n:06}"
            try:
                await anyio.sleep(0.001)
                self.acknowledged[key] = await self.backend.create(key, key.encode())
            except StorageUnavailableError:
                self.refused += 1
                continue
            self.longest_gap = max(self.longest_gap, anyio.current_time() - last)
            last = anyio.current_time()

    async def watch(self, start: int) -> None:
        async with self.backend.watch(self.prefix, start) as watch:
            async for batch in watch:
                self.seen += [(event.key, event.revision) for event in batch.events]

    async def check(self) -> None:
        """Everything acknowledged is there and was seen once, in order; nothing was seen that is not there."""
        stored = {kv.key: kv.revision for kv in (await self.backend.list(self.prefix)).items}
        assert self.acknowledged.items() <= stored.items()
        with anyio.fail_after(10):
            while len(self.seen) < len(stored):
                await anyio.sleep(0.05)
        assert self.seen == sorted(stored.items(), key=lambda item: item[1])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_writes_and_watches_go_on_when_members_fail(trio: Cluster, fault: str) -> None:
    backend = await open_backend(trio.url, SystemClock())
    load = Load(backend, f"/registry/{fault}/")
    async with anyio.create_task_group() as watching:
        watching.start_soon(load.watch, await backend.current_revision())
        async with anyio.create_task_group() as writing:
            writing.start_soon(load.write)
            for member in trio.members:  # who serves, who takes over and who leads are among them
                await anyio.sleep(0.2)
                before = len(load.acknowledged)
                if fault == "kill":
                    member.kill()
                else:
                    member.pause()
                with anyio.fail_after(15):
                    while len(load.acknowledged) < before + 20:
                        await anyio.sleep(0.02)
                if fault == "kill":
                    member.start()
                    member.wait()
                else:
                    member.resume()
                await anyio.sleep(0.5)
            load.enough = True
        await load.check()
        watching.cancel_scope.cancel()
    assert load.longest_gap < 10
    await backend.aclose()


@pytest.mark.usefixtures("impatient")
async def test_without_a_majority_writes_and_reads_fail_and_come_back(
    trio: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubepy.storage.etcd.client.PATIENCE", 0.5)
    backend = await open_backend(trio.url, SystemClock())
    try:
        for member in trio.members[:2]:
            member.kill()
        with pytest.raises(StorageUnavailableError):
            await backend.create("/registry/minority", b"")
        with pytest.raises(StorageUnavailableError):
            await backend.current_revision()
    finally:
        for member in trio.members[:2]:
            member.start()
            member.wait()
    with anyio.fail_after(20):
        while True:
            try:
                await backend.create("/registry/majority", b"")
                break
            except StorageUnavailableError:
                await anyio.sleep(0.1)
    await backend.aclose()


# --- TLS


def _certificate(name: str, issuer: Any = None, seconds: float = 86400.0) -> Any:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(seconds=seconds))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    return certificate, key


def _write(directory: Path, name: str, made: Any) -> tuple[Path, Path]:
    certificate, key = made
    paths = directory / f"{name}.crt", directory / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


@pytest.mark.usefixtures("impatient")
async def test_members_that_want_a_client_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = _certificate("ca")
    ca, _ = _write(tmp_path, "ca", authority)
    server = _write(tmp_path, "server", _certificate("etcd", authority))
    client = _write(tmp_path, "client", _certificate("kube-apiserver", authority))
    stranger = _write(tmp_path, "stranger", _certificate("kube-apiserver", _certificate("other ca")))
    cluster = make_cluster(
        tmp_path,
        1,
        *("--cert-file", str(server[0]), "--key-file", str(server[1])),
        *("--client-cert-auth", "--trusted-ca-file", str(ca)),
        scheme="https",
    )
    cluster.start()
    monkeypatch.setattr("kubepy.storage.etcd.client.PATIENCE", 0.5)
    try:
        backend = await open_backend(cluster.url, SystemClock(), EtcdOptions(ca, *client))
        async with backend.watch("/registry/", 0) as watch:  # an etcd that holds nothing says so
            with anyio.fail_after(5):
                assert await anext(watch) == ([], await backend.current_revision())
        async with backend.watch("/registry/", await backend.current_revision()) as watch:
            revision = await backend.create("/registry/a", b"1")
            with anyio.fail_after(5):
                assert (await anext(watch)).revision == revision
        await backend.aclose()
        for options in (EtcdOptions(ca), EtcdOptions(ca, *stranger), EtcdOptions()):
            with pytest.raises(StorageUnavailableError):
                await open_backend(cluster.url, SystemClock(), options)
        with pytest.raises(StorageError, match=r"missing\.crt: No such file"):
            await open_backend(cluster.url, SystemClock(), EtcdOptions(tmp_path / "missing.crt"))
    finally:
        cluster.stop()


@pytest.mark.usefixtures("impatient")
async def test_renewed_certificates_are_taken_up_without_a_restart(tmp_path: Path) -> None:
    authority = _certificate("ca")
    ca, _ = _write(tmp_path, "ca", authority)
    server = _write(tmp_path, "server", _certificate("etcd", authority))
    client = _write(tmp_path, "client", _certificate("kube-apiserver", authority, seconds=3.0))
    cluster = make_cluster(
        tmp_path,
        1,
        *("--cert-file", str(server[0]), "--key-file", str(server[1])),
        *("--client-cert-auth", "--trusted-ca-file", str(ca)),
        scheme="https",
    )
    cluster.start()
    try:
        backend = await open_backend(cluster.url, SystemClock(), EtcdOptions(ca, *client))
        async with backend.watch("/registry/", await backend.current_revision()) as watch:
            await backend.create("/registry/a", b"1")
            assert (await anext(watch)).events[0].value == b"1"
            await anyio.sleep(3.5)
            await backend.create("/registry/b", b"2")  # a connection that stands does not expire
            assert (await anext(watch)).events[0].value == b"2"
            _write(tmp_path, "client", _certificate("kube-apiserver", authority))
            (member,) = cluster.members
            member.kill()
            member.start()
            member.wait()
            with anyio.fail_after(20):
                while True:
                    try:
                        await backend.create("/registry/c", b"3")
                        break
                    except StorageUnavailableError:
                        await anyio.sleep(0.1)
                assert (await anext(watch)).events[0].value == b"3"
        await backend.aclose()
    finally:
        cluster.stop()
