"""Reads the struct types of a Go program from its binary: field names, tags, pointers.

Go keeps them for reflection. The protobuf tags of Kubernetes' API types in stock kubectl and helm are the
wire format that those programs speak; `kubepy/api/protobuf/messages.txt` is checked against them by
test_protobuf_table.py and written by

    python -m tests.api.go_types BINARY...
"""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

from kubepy.api import schemas
from kubepy.api.protobuf import table
from kubepy.api.resources import RESOURCES

_POINTER, _STRUCT, _SLICE, _MAP = 22, 25, 23, 21
_TYPE_SIZE = 48
_PACKAGES = {
    "k8s.io/apimachinery/pkg/apis/meta/v1": "io.k8s.apimachinery.pkg.apis.meta.v1",
    "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1": (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
    ),
}
_NUMBER = re.compile(r'protobuf:"\w+,(\d+)')
_NAME = re.compile(r'json:"([^,"]*)')


class GoField(NamedTuple):
    """A field of a struct. `struct` is the struct it holds, directly or behind a pointer ("" for none)."""

    name: str
    tag: str
    embedded: bool
    pointer: bool
    struct: str


class Program:
    """A statically linked ELF program made by Go."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._sections = self._read_sections()
        self._base = self._sections[".rodata"][0]
        self.structs: dict[str, list[GoField]] = {}
        _, offset, size = self._sections[".typelink"]
        for link in struct.unpack_from(f"<{size // 4}i", self._data, offset):
            self._visit_link(self._base + link)

    def _read_sections(self) -> dict[str, tuple[int, int, int]]:
        data = self._data
        (table_at,) = struct.unpack_from("<Q", data, 0x28)
        size, count, names = struct.unpack_from("<HHH", data, 0x3A)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, table_at + n * size) for n in range(count)]
        text = headers[names][4]
        found = {}
        for header in headers:
            start = text + header[0]
            name = data[start : data.index(b"\0", start)].decode()
            if header[3] and header[1] != 8:  # loaded, and not .bss
                found[name] = (header[3], header[4], header[5])
        return found

    def _at(self, address: int) -> int:
        for start, offset, size in self._sections.values():
            if start <= address < start + size:
                return offset + address - start
        raise LookupError(hex(address))

    def _u64(self, address: int) -> int:
        return int(struct.unpack_from("<Q", self._data, self._at(address))[0])

    def _kind(self, address: int) -> int:
        return self._data[self._at(address) + 23] & 31

    def _flags(self, address: int) -> int:
        return self._data[self._at(address) + 20]

    def _offset_name(self, address: int) -> str:
        (offset,) = struct.unpack_from("<i", self._data, self._at(address))
        return self._name(self._base + offset)[0]

    def _name(self, address: int) -> tuple[str, str, bool]:
        """A reflection name: text, tag, embedded."""
        data, at = self._data, self._at(address)
        flags = data[at]
        length, at = self._length(at + 1)
        text, tag = data[at : at + length].decode("utf-8", "replace"), ""
        at += length
        if flags & 2:
            length, at = self._length(at)
            tag = data[at : at + length].decode()
        return text, tag, bool(flags & 8)

    def _length(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self._data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value, at

    def _visit_link(self, address: int) -> None:
        if self._kind(address) != _POINTER:
            return
        element = self._u64(address + _TYPE_SIZE)
        if self._kind(element) == _STRUCT:
            self._struct(element)

    def _struct(self, address: int) -> str:
        if not self._flags(address) & 1:  # no name of its own
            return ""
        package = self._offset_name(address + _TYPE_SIZE + 32)
        if not package.startswith("k8s.io/api"):
            return ""
        name = f"{package}.{self._offset_name(address + 40).rpartition('.')[2]}"
        if name not in self.structs:
            fields = self.structs[name] = []
            first, count = self._u64(address + 56), self._u64(address + 64)
            for number in range(count):
                entry = first + 24 * number
                text, tag, embedded = self._name(self._u64(entry))
                pointer, inner = self._resolve(self._u64(entry + 8))
                fields.append(GoField(text, tag, embedded, pointer, inner))
        return name

    def _resolve(self, address: int) -> tuple[bool, str]:
        pointer = self._kind(address) == _POINTER
        while self._kind(address) in (_POINTER, _SLICE, _MAP):
            address = self._u64(address + (_TYPE_SIZE + 8 if self._kind(address) == _MAP else _TYPE_SIZE))
        return pointer, self._struct(address) if self._kind(address) == _STRUCT else ""


def definition(go_name: str) -> str:
    """ "k8s.io/api/core/v1.Pod" as the schema package calls it; "" for types of versions not served."""
    package, _, name = go_name.rpartition(".")
    if package in _PACKAGES:
        return f"{_PACKAGES[package]}.{name}"
    parts = package.split("/")
    if parts[:2] != ["k8s.io", "api"] or len(parts) != 4:
        return ""
    served = {(r.gvk.group.split(".")[0] or "core", r.gvk.version) for r in RESOURCES}
    return f"io.k8s.api.{parts[2]}.{parts[3]}.{name}" if (parts[2], parts[3]) in served else ""


def messages(program: Program) -> dict[str, dict[int, table.Field]]:
    """The protobuf messages of the served API types, in the form of the table."""
    inlined = {
        field.struct
        for fields in program.structs.values()
        for field in fields
        if ",inline" in field.tag and "protobuf:" in field.tag
    }
    found: dict[str, dict[int, table.Field]] = {}
    for go_name, fields in program.structs.items():
        name = definition(go_name)
        if not name or (name not in schemas.store() and go_name not in inlined):
            continue
        made = {}
        for field in fields:
            number = _NUMBER.search(field.tag)
            if number is None:
                continue
            json_name = _NAME.search(field.tag)
            if ",inline" in field.tag:
                made[int(number[1])] = table.Field(field.struct.rpartition(".")[2], True, field.pointer)
            elif json_name is not None and json_name[1] not in ("", "-"):
                made[int(number[1])] = table.Field(json_name[1], False, field.pointer)
        if made:
            found[name] = made
    return found


def text(found: dict[str, dict[int, table.Field]]) -> str:
    """The table as it is written down."""
    lines: list[str] = []
    packages: dict[str, list[str]] = {}
    for name, fields in found.items():
        package, _, message = name.rpartition(".")
        entries = [
            f"{'+' if f.inline else ''}{f.name}={number}{'*' if f.pointer else ''}"
            for number, f in sorted(fields.items())
        ]
        packages.setdefault(package, []).append(" ".join([message, *entries]))
    for package in sorted(packages):
        lines += ["", f"[{package}]", *sorted(packages[package])]
    return "\n".join(lines).lstrip("\n") + "\n"


def main(paths: list[str]) -> None:
    found: dict[str, dict[int, Any]] = {}
    for path in paths:
        found = messages(Program(Path(path))) | found
    sys.stdout.write(text(found))


if __name__ == "__main__":
    main(sys.argv[1:])
