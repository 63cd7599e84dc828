"""Values that rest encrypted: which, under which key, and what happens without it."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kubepy.storage import Backend, ConflictError, StorageError, encryption
from kubepy.storage.encrypted import EncryptedBackend

pytestmark = pytest.mark.anyio

SECRET = "/registry/secrets/default/a"
POD = "/registry/pods/default/a"


def classify(key: str) -> str:
    return {"deployments": "deployments.apps"}.get(key.split("/")[2], key.split("/")[2])


def key(name: str, size: int = 32) -> dict[str, str]:
    return {"name": name, "secret": b64encode(name.encode().ljust(size, b"-")).decode()}


def gcm(*names: str) -> dict[str, Any]:
    return {"aesgcm": {"keys": [key(name) for name in names]}}


def cbc(*names: str) -> dict[str, Any]:
    return {"aescbc": {"keys": [key(name) for name in names]}}


IDENTITY: dict[str, Any] = {"identity": {}}


def transformer(
    path: Path, *providers: dict[str, Any], resources: tuple[str, ...] = ("secrets",)
) -> encryption.Transformer:
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": list(resources), "providers": list(providers)}],
    }
    path.write_text(yaml.safe_dump(document))
    return encryption.load(path, classify)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "encryption.yaml"


@pytest.mark.parametrize("provider", [gcm("one"), cbc("one")])
async def test_only_the_listed_resources_rest_encrypted(
    backend: Backend, path: Path, provider: dict[str, Any]
) -> None:
    encrypted = EncryptedBackend(backend, transformer(path, provider, IDENTITY))
    start = await encrypted.current_revision()
    created = await encrypted.create(SECRET, b"password")
    await encrypted.create(POD, b"pod")
    updated = await encrypted.update(SECRET, b"password2", created)
    resting = {kv.key: kv.value for kv in (await backend.list("/registry/")).items}
    name = next(iter(provider))
    assert resting[SECRET].startswith(f"k8s:enc:{name}:v1:one:".encode())
    assert b"password" not in resting[SECRET]
    assert resting[POD] == b"pod"
    assert await encrypted.get(SECRET) == (SECRET, b"password2", updated, created)
    with pytest.raises(ConflictError) as lost:
        await encrypted.update(SECRET, b"", created)
    assert lost.value.current is not None
    assert lost.value.current.value == b"password2"
    deleted = await encrypted.delete(SECRET, updated)
    async with encrypted.watch("/registry/secrets/", start) as watch:
        events: list[tuple[bytes, bool]] = []
        with anyio.fail_after(5):
            async for batch in watch:
                events += [(event.value, event.deleted) for event in batch.events]
                if batch.revision >= deleted:
                    break
    assert events == [(b"password", False), (b"password2", False), (b"password2", True)]


async def test_equal_values_rest_differently_and_are_bound_to_their_key(backend: Backend, path: Path) -> None:
    encrypted = EncryptedBackend(backend, transformer(path, gcm("one")))
    await encrypted.create(SECRET, b"password")
    await encrypted.create(SECRET + "2", b"password")
    first, second = (await backend.list("/registry/secrets/")).items
    assert first.value != second.value
    await backend.update(second.key, first.value, second.revision)  # one who can write moves a value
    with pytest.raises(StorageError, match="no configured provider can read"):
        await encrypted.get(second.key)


async def test_keys_are_rotated_by_a_new_one_in_front(backend: Backend, path: Path) -> None:
    plain = EncryptedBackend(backend, transformer(path, IDENTITY, gcm("one")))
    await plain.create(SECRET, b"1")
    await plain.create(SECRET + "2", b"2")
    old = EncryptedBackend(backend, transformer(path, gcm("one"), IDENTITY))
    first = await old.get(SECRET)
    assert first is not None
    await old.update(SECRET, first.value, first.revision)
    new = EncryptedBackend(backend, transformer(path, gcm("two", "one"), IDENTITY))
    assert [kv.value for kv in (await new.list("/registry/")).items] == [b"1", b"2"]
    assert await new.rewrite_stale() == 2
    assert await new.rewrite_stale() == 0
    only = EncryptedBackend(backend, transformer(path, gcm("two")))
    assert [kv.value for kv in (await only.list("/registry/")).items] == [b"1", b"2"]
    with pytest.raises(StorageError, match="no configured provider can read the value"):
        await old.get(SECRET)
    other = EncryptedBackend(backend, transformer(path, gcm("one"), resources=("configmaps",)))
    with pytest.raises(StorageError, match="no provider is configured for its resource"):
        await other.get(SECRET)


async def test_values_are_sealed_as_kube_apiserver_seals_them(path: Path) -> None:
    """Prefix, 12 bytes of nonce, then AES-GCM with the storage key as additional data."""
    sealed = transformer(path, gcm("one")).seal(SECRET, b"password")
    prefix = b"k8s:enc:aesgcm:v1:one:"
    nonce, ciphertext = sealed[len(prefix) :][:12], sealed[len(prefix) :][12:]
    assert AESGCM(b"one".ljust(32, b"-")).decrypt(nonce, ciphertext, SECRET.encode()) == b"password"


@pytest.mark.parametrize(
    ("resources", "covered"),
    [
        (("secrets",), {"secrets"}),
        (("deployments.apps",), {"deployments.apps"}),
        (("*.apps",), {"deployments.apps"}),
        (("*.",), {"secrets", "pods"}),
        (("*.*",), {"secrets", "pods", "deployments.apps"}),
    ],
)
def test_resources_and_wildcards(path: Path, resources: tuple[str, ...], covered: set[str]) -> None:
    made = transformer(path, gcm("one"), resources=resources)
    keys = ["/registry/secrets/a", "/registry/pods/a", "/registry/deployments/a"]
    assert {classify(k) for k in keys if made.seal(k, b"") != b""} == covered


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        ({"secretbox": {"keys": [key("one")]}}, r"providers\[0\]\.secretbox: this provider is not supported"),
        ({"kms": {}}, "kms: this provider is not supported"),
        ({"aesgcm": {"keys": []}}, r"aesgcm\.keys: at least one key is required"),
        (
            {"aesgcm": {"keys": [key("one", 20)]}},
            r"keys\[0\]\.secret: .* got 20, expected one of \[16, 24, 32\]",
        ),
        ({"aesgcm": {"keys": [{"name": "a", "secret": "?"}]}}, "not valid base64"),
        ({**gcm("a"), **cbc("a")}, "exactly one of"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(path: Path, provider: dict[str, Any], message: str) -> None:
    with pytest.raises(StorageError, match=message):
        transformer(path, provider)


def test_another_kind_of_file_is_refused(path: Path) -> None:
    path.write_text("kind: Pod")
    with pytest.raises(StorageError, match="this is no EncryptionConfiguration"):
        encryption.load(path, classify)
