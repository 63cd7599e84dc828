"""Encryption at rest: a storage around another one, whose values of chosen resources only a key holder reads.

The file is Kubernetes' EncryptionConfiguration (apiserver.config.k8s.io/v1). The first provider of a resource
writes, all of them read, so keys are rotated by putting a new one in front. A value rests as kube-apiserver
writes it: "k8s:enc:aesgcm:v1:KEY:" and what is sealed, bound to its storage key.
"""

from __future__ import annotations

import os
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from kubepy.storage.interface import StorageError

_PREFIX = b"k8s:enc:"
_BLOCK = 16
_NONCE = 12
_KEY_SIZES = (16, 24, 32)
_API_VERSION, _KIND = "apiserver.config.k8s.io/v1", "EncryptionConfiguration"

Classify = Callable[[str], str]
"""A storage key to its resource: "secrets", "deployments.apps"."""


class Provider(Protocol):
    """One key. `prefix` is how its values begin."""

    prefix: bytes

    def seal(self, value: bytes, key: bytes) -> bytes: ...
    def open(self, sealed: bytes, key: bytes) -> bytes: ...


class Identity:
    """Values as they are."""

    prefix = b""

    def seal(self, value: bytes, key: bytes) -> bytes:
        return value

    def open(self, sealed: bytes, key: bytes) -> bytes:
        return sealed


class AesGcm:
    """AES-GCM with a random nonce: Kubernetes' advice is a new key every 200,000 writes."""

    def __init__(self, name: str, secret: bytes) -> None:
        self.prefix = _PREFIX + b"aesgcm:v1:" + name.encode() + b":"
        self._cipher = AESGCM(secret)

    def seal(self, value: bytes, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return self.prefix + nonce + self._cipher.encrypt(nonce, value, key)

    def open(self, sealed: bytes, key: bytes) -> bytes:
        at = len(self.prefix)
        return self._cipher.decrypt(sealed[at : at + _NONCE], sealed[at + _NONCE :], key)


class AesCbc:
    """AES-CBC with PKCS #7 padding: nothing tells whether the value was tampered with."""

    def __init__(self, name: str, secret: bytes) -> None:
        self.prefix = _PREFIX + b"aescbc:v1:" + name.encode() + b":"
        self._algorithm = algorithms.AES(secret)

    def seal(self, value: bytes, key: bytes) -> bytes:
        vector = os.urandom(_BLOCK)
        padder = PKCS7(8 * _BLOCK).padder()
        encryptor = Cipher(self._algorithm, modes.CBC(vector)).encryptor()
        padded = padder.update(value) + padder.finalize()
        return self.prefix + vector + encryptor.update(padded) + encryptor.finalize()

    def open(self, sealed: bytes, key: bytes) -> bytes:
        at = len(self.prefix)
        decryptor = Cipher(self._algorithm, modes.CBC(sealed[at : at + _BLOCK])).decryptor()
        unpadder = PKCS7(8 * _BLOCK).unpadder()
        padded = decryptor.update(sealed[at + _BLOCK :]) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()


@dataclass(frozen=True)
class Rule:
    """Resources ("secrets", "*.apps", "*.", "*.*") and the providers of their values."""

    resources: tuple[str, ...]
    providers: tuple[Provider, ...]

    def covers(self, resource: str) -> bool:
        group = resource.partition(".")[2]
        return any(
            wanted == "*.*" or wanted == resource or (wanted.startswith("*.") and wanted[2:] == group)
            for wanted in self.resources
        )


class Transformer:
    """Seals and opens values by the resource of their key."""

    def __init__(self, rules: Sequence[Rule], classify: Classify) -> None:
        self._rules = rules
        self._classify = classify
        self._by_resource: dict[str, tuple[Provider, ...]] = {}

    def _providers(self, key: str) -> tuple[Provider, ...]:
        resource = self._classify(key)
        providers = self._by_resource.get(resource)
        if providers is None:
            found = next((rule for rule in self._rules if rule.covers(resource)), None)
            providers = self._by_resource[resource] = found.providers if found else ()
        return providers

    def seal(self, key: str, value: bytes) -> bytes:
        """The value as it shall rest."""
        providers = self._providers(key)
        return providers[0].seal(value, key.encode()) if providers else value

    def open(self, key: str, value: bytes) -> tuple[bytes, bool]:
        """The value, and whether a write would seal it differently. Raises StorageError without the key."""
        providers = self._providers(key)
        if not providers:
            if value.startswith(_PREFIX):
                raise StorageError(f"{key} is encrypted, and no provider is configured for its resource")
            return value, False
        for position, provider in enumerate(providers):
            if provider.prefix and value.startswith(provider.prefix):
                try:
                    return provider.open(value, key.encode()), position > 0
                except (InvalidTag, ValueError):
                    # The names of keys may have been used twice: another one may fit.
                    continue
            if not provider.prefix and not value.startswith(_PREFIX):
                return value, position > 0
        raise StorageError(f"{key}: no configured provider can read the value")


def load(path: Path, classify: Classify) -> Transformer:
    """Read an EncryptionConfiguration file. Raises StorageError naming what is wrong in it."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StorageError(f"{path}: cannot read the encryption configuration: {error}") from error
    try:
        return Transformer(_rules(document), classify)
    except ValueError as error:
        raise StorageError(f"{path}: {error}") from error


def _rules(document: Any) -> list[Rule]:
    if not isinstance(document, dict) or document.get("kind") != _KIND:
        raise ValueError(f"this is no {_KIND}")
    if document.get("apiVersion") != _API_VERSION:
        raise ValueError(f"apiVersion: {document.get('apiVersion')!r} is not {_API_VERSION!r}")
    entries = document.get("resources")
    if not isinstance(entries, list) or not entries:
        raise ValueError("resources: at least one entry is required")
    return [_rule(entry, f"resources[{n}]") for n, entry in enumerate(entries)]


def _rule(entry: Any, at: str) -> Rule:
    resources = entry.get("resources") if isinstance(entry, dict) else None
    if not isinstance(resources, list) or not all(isinstance(r, str) and r for r in resources or [0]):
        raise ValueError(f"{at}.resources: a list of resource names is required")
    if "*" in resources:
        raise ValueError(f'{at}.resources: "*" is not supported, use "*.*" or "*."')
    providers = entry.get("providers")
    if not isinstance(providers, list) or not providers:
        raise ValueError(f"{at}.providers: at least one provider is required")
    made: list[Provider] = []
    for n, provider in enumerate(providers):
        made += _providers(provider, f"{at}.providers[{n}]")
    return Rule(tuple(resources), tuple(made))


def _providers(provider: Any, at: str) -> list[Provider]:
    if not isinstance(provider, dict) or len(provider) != 1:
        raise ValueError(f"{at}: exactly one of identity, aesgcm, aescbc is required")
    ((name, settings),) = provider.items()
    if name == "identity":
        return [Identity()]
    if name not in ("aesgcm", "aescbc"):
        raise ValueError(f"{at}.{name}: this provider is not supported; aesgcm, aescbc and identity are")
    keys = (settings or {}).get("keys") if isinstance(settings, dict) else None
    if not isinstance(keys, list) or not keys:
        raise ValueError(f"{at}.{name}.keys: at least one key is required")
    kind = AesGcm if name == "aesgcm" else AesCbc
    return [kind(*_key(key, f"{at}.{name}.keys[{n}]")) for n, key in enumerate(keys)]


def _key(key: Any, at: str) -> tuple[str, bytes]:
    if not isinstance(key, dict) or not key.get("name") or not isinstance(key.get("secret"), str):
        raise ValueError(f"{at}: name and secret are required")
    name = str(key["name"])
    if ":" in name:
        raise ValueError(f'{at}.name: ":" is not allowed')
    try:
        secret = b64decode(key["secret"], validate=True)
    except Base64Error:
        raise ValueError(f"{at}.secret: not valid base64") from None
    if len(secret) not in _KEY_SIZES:
        raise ValueError(
            f"{at}.secret: secret is not of the expected length, got {len(secret)},"
            f" expected one of {list(_KEY_SIZES)}"
        )
    return name, secret
