"""Keys as etcd holds them."""

from __future__ import annotations

from kubepy.storage.interface import StorageError

ROOT = "/registry"


class Keys:
    """Puts another prefix in the place of "/registry", as kube-apiserver's --etcd-prefix does."""

    def __init__(self, prefix: str = ROOT) -> None:
        self._prefix = "/" + prefix.strip("/")
        self._same = self._prefix == ROOT

    def encode(self, key: str) -> bytes:
        """A key, or a prefix of keys, to bytes."""
        if self._same:
            return key.encode()
        if not key.startswith(ROOT):
            raise StorageError(f"key {key} is not below {ROOT}")
        return (self._prefix + key[len(ROOT) :]).encode()

    def decode(self, key: bytes) -> str:
        """And back."""
        text = key.decode()
        return text if self._same else ROOT + text[len(self._prefix) :]


def prefix_end(prefix: bytes) -> bytes:
    """The least key above every key with the prefix."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else b"\0"
