"""-o custom-columns=NAME:.metadata.name,... and custom-columns-file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.printers.tabwriter import table_writer
from kubepy.machinery.go_format import plain
from kubepy.machinery.jsonpath import JSONPath, JSONPathError, relaxed
from kubepy.machinery.meta import Obj

_Column = tuple[str, JSONPath]


def renderer(kind: str, spec: str, *, headers: bool = True) -> Callable[[Obj], str]:
    """The function that makes the table; its header is written once only. Raises CommandError."""
    columns = _from_file(spec) if kind == "custom-columns-file" else _from_spec(spec)
    writer = table_writer()
    pending_header = headers

    def render(obj: Obj) -> str:
        nonlocal pending_header
        from kubepy.kubectl.printers import items_of

        if pending_header:
            writer.row([name for name, _ in columns])
            pending_header = False
        for item in items_of(obj):
            writer.row([_cell(path, item) for _, path in columns])
        return writer.flush()

    return render


def _from_spec(spec: str) -> list[_Column]:
    if not spec:
        raise CommandError("custom-columns format specified but no custom columns given")
    columns: list[_Column] = []
    for part in spec.split(","):
        name, colon, path = part.partition(":")
        if not colon or not path:
            raise CommandError(f"unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>")
        columns.append((name, _path(path)))
    return columns


def _from_file(name: str) -> list[_Column]:
    if not name:
        raise CommandError("custom-columns-file format specified but no template file given")
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CommandError(f"error reading template {name}, open {name}: {error.strerror}") from None
    if len(lines) < 2:
        raise CommandError("invalid template file, expected two lines: the headers, and the paths")
    headers, paths = lines[0].split(), lines[1].split()
    if len(headers) != len(paths):
        raise CommandError(
            f"number of headers ({len(headers)}) and field specifications ({len(paths)}) don't match"
        )
    return [(header, _path(path)) for header, path in zip(headers, paths, strict=True)]


def _path(text: str) -> JSONPath:
    try:
        return relaxed(text)
    except JSONPathError as error:
        raise CommandError(str(error)) from None


def _cell(path: JSONPath, obj: Obj) -> str:
    try:
        values = path.find(obj)
    except JSONPathError as error:
        raise CommandError(str(error)) from None
    return ",".join(map(plain, values)) if values else "<none>"
