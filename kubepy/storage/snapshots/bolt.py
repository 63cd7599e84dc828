"""bbolt's file format, as far as an etcd member's database needs it: read a file's buckets, write a new file.

Pages of one size; two meta pages at the start; each bucket a B+tree whose leaves hold keys and values.
What a bucket's value in the root tree is, and every field's place, is bbolt's on-disk layout, version 2,
little endian.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_MAGIC = 0xED0CDAED
_VERSION = 2
_PAGE_SIZE = 4096
_BRANCH, _LEAF, _META, _FREELIST = 0x01, 0x02, 0x04, 0x10
_IS_BUCKET = 1
_HEADER = struct.Struct("<QHHI")  # id, flags, count, overflow
_ELEMENT = struct.Struct("<IIII")  # a leaf's: flags, position, key size, value size
_BRANCH_ELEMENT = struct.Struct("<IIQ")  # position, key size, page
_BUCKET = struct.Struct("<QQ")  # root page, sequence
_META_FIELDS = struct.Struct(
    "<IIIIQQQQQ"
)  # magic, version, page size, flags, root, sequence, freelist, top, txid


class BoltError(Exception):
    """The file is not what bbolt writes."""


class Reader:
    """The buckets at the top of a file held in memory (or mapped)."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._page_size, root = self._newest_meta()
        self.buckets: dict[bytes, int | memoryview] = {}
        for flags, name, value in self._leaves(self._page(root)):
            if flags & _IS_BUCKET:
                (page, _sequence) = _BUCKET.unpack_from(value)
                self.buckets[name] = page or value[_BUCKET.size :]  # a small bucket is a page in the value

    def _newest_meta(self) -> tuple[int, int]:
        found: list[tuple[int, int, int]] = []
        for offset in (0, *(1 << shift for shift in range(10, 17))):
            if len(self._data) < offset + _HEADER.size + _META_FIELDS.size + 8:
                break
            fields = _META_FIELDS.unpack_from(self._data, offset + _HEADER.size)
            at = offset + _HEADER.size
            (checksum,) = struct.unpack_from("<Q", self._data, at + _META_FIELDS.size)
            if fields[0] == _MAGIC and fields[1] == _VERSION:
                if checksum != _fnv(bytes(self._data[at : at + _META_FIELDS.size])):
                    continue
                found.append((fields[8], fields[2], fields[4]))
        if not found:
            raise BoltError("no valid meta page")
        _, page_size, root = max(found)
        return page_size, root

    def _page(self, number: int) -> memoryview:
        start = number * self._page_size
        if start + self._page_size > len(self._data):
            raise BoltError(f"page {number} is beyond the end of the file")
        _, _, _, overflow = _HEADER.unpack_from(self._data, start)
        return self._data[start : start + (1 + overflow) * self._page_size]

    def _leaves(self, page: memoryview) -> Iterator[tuple[int, bytes, memoryview]]:
        _, flags, count, _ = _HEADER.unpack_from(page)
        for n in range(count):
            at = _HEADER.size + n * _ELEMENT.size
            if flags & _BRANCH:
                yield from self._leaves(self._page(_BRANCH_ELEMENT.unpack_from(page, at)[2]))
            elif flags & _LEAF:
                element_flags, position, key_size, value_size = _ELEMENT.unpack_from(page, at)
                start = at + position
                middle, end = start + key_size, start + key_size + value_size
                if end > len(page):
                    raise BoltError("an element is beyond the end of its page")
                yield element_flags, bytes(page[start:middle]), page[middle:end]
            else:
                raise BoltError("a page is neither branch nor leaf")

    def items(self, bucket: bytes) -> Iterator[tuple[bytes, memoryview]]:
        """Keys in order with their values; nothing for a bucket that does not exist."""
        root = self.buckets.get(bucket)
        if root is None:
            return
        page = self._page(root) if isinstance(root, int) else root
        for _, key, value in self._leaves(page):
            yield key, value


class Writer:
    """A new file, bucket after bucket. Leaving the context makes it valid, an error on the way does not."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._file = open(descriptor, "wb")  # noqa: SIM115 -- closed by __exit__
        self._next = 3  # two meta pages and the freelist come first
        self._buckets: list[tuple[bytes, int]] = []
        self._file.seek(3 * _PAGE_SIZE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                self._finish()

    def bucket(self, name: bytes, items: Iterable[tuple[bytes, bytes | memoryview]]) -> None:
        """Write a bucket; keys come in order."""
        self._buckets.append((name, self._tree((0, key, value) for key, value in items)))

    def _tree(self, elements: Iterable[tuple[int, bytes, bytes | memoryview]]) -> int:
        level: list[tuple[bytes, int]] = []
        waiting: list[tuple[int, bytes, bytes | memoryview]] = []
        size = _HEADER.size
        for element in elements:
            needed = _ELEMENT.size + len(element[1]) + len(element[2])
            if waiting and size + needed > _PAGE_SIZE:
                level.append((waiting[0][1], self._leaf(waiting)))
                waiting, size = [], _HEADER.size
            waiting.append(element)
            size += needed
        if waiting or not level:
            level.append((waiting[0][1] if waiting else b"", self._leaf(waiting)))
        while len(level) > 1:
            level = self._branches(level)
        return level[0][1]

    def _leaf(self, elements: list[tuple[int, bytes, bytes | memoryview]]) -> int:
        table, data = bytearray(), bytearray()
        for n, (flags, key, value) in enumerate(elements):
            position = (len(elements) - n) * _ELEMENT.size + len(data)
            table += _ELEMENT.pack(flags, position, len(key), len(value))
            data += key
            data += value
        return self._write(_LEAF, len(elements), bytes(table + data))

    def _branches(self, children: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        level: list[tuple[bytes, int]] = []
        waiting: list[tuple[bytes, int]] = []
        size = _HEADER.size
        for child in children:
            needed = _BRANCH_ELEMENT.size + len(child[0])
            if len(waiting) > 1 and size + needed > _PAGE_SIZE:
                level.append((waiting[0][0], self._branch(waiting)))
                waiting, size = [], _HEADER.size
            waiting.append(child)
            size += needed
        level.append((waiting[0][0], self._branch(waiting)))
        return level

    def _branch(self, children: list[tuple[bytes, int]]) -> int:
        table, data = bytearray(), bytearray()
        for n, (key, page) in enumerate(children):
            position = (len(children) - n) * _BRANCH_ELEMENT.size + len(data)
            table += _BRANCH_ELEMENT.pack(position, len(key), page)
            data += key
        return self._write(_BRANCH, len(children), bytes(table + data))

    def _write(self, flags: int, count: int, body: bytes) -> int:
        number = self._next
        pages = -(-(_HEADER.size + len(body)) // _PAGE_SIZE)
        self._next += pages
        page = _HEADER.pack(number, flags, count, pages - 1) + body
        self._file.write(page.ljust(pages * _PAGE_SIZE, b"\0"))
        return number

    def _finish(self) -> None:
        """Write the root, the freelist and the meta pages, and make all durable."""
        root = self._tree((_IS_BUCKET, name, _BUCKET.pack(page, 0)) for name, page in sorted(self._buckets))
        self._file.seek(0)
        for number in (0, 1):
            meta = _META_FIELDS.pack(_MAGIC, _VERSION, _PAGE_SIZE, 0, root, 0, 2, self._next, number)
            page = _HEADER.pack(number, _META, 0, 0) + meta + struct.pack("<Q", _fnv(meta))
            self._file.write(page.ljust(_PAGE_SIZE, b"\0"))
        self._file.write(_HEADER.pack(2, _FREELIST, 0, 0).ljust(_PAGE_SIZE, b"\0"))
        self._file.flush()
        os.fsync(self._file.fileno())


def _fnv(data: bytes) -> int:
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value
