"""The extended string functions (version 2 of cel-go's extension)."""

from __future__ import annotations

from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import function, method, traversal

_WHITE = "\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@method("string.charAt(int) -> string")
def char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise EvaluationError(f"index out of range: {index}")
    return text[index : index + 1]


@method("string.indexOf(string) -> int", "string.indexOf(string, int) -> int", cost=traversal(0))
def index_of(text: str, part: str, start: int = 0) -> int:
    if not part:
        return start
    _in_range(text, start)
    return text.find(part, start)


@method("string.lastIndexOf(string) -> int", cost=traversal(0))
def last_index_of(text: str, part: str) -> int:
    return text.rfind(part) if part else len(text)


@method("string.lastIndexOf(string, int) -> int", cost=traversal(0))
def last_index_before(text: str, part: str, last: int) -> int:
    if not part:
        return last
    _in_range(text, last)
    return text.rfind(part, 0, last + len(part))


def _in_range(text: str, index: int) -> None:
    if not 0 <= index <= max(len(text) - 1, 0):
        raise EvaluationError(f"index out of range: {index}")


@method("string.lowerAscii() -> string", cost=traversal(0))
def lower_ascii(text: str) -> str:
    return text.translate(_LOWER)


@method("string.upperAscii() -> string", cost=traversal(0))
def upper_ascii(text: str) -> str:
    return text.translate(_UPPER)


@method(
    "string.replace(string, string) -> string",
    "string.replace(string, string, int) -> string",
    cost=traversal(0),
)
def replace(text: str, old: str, new: str, count: int = -1) -> str:
    return text.replace(old, new, max(count, -1))


@method(
    "string.split(string) -> list(string)", "string.split(string, int) -> list(string)", cost=traversal(0)
)
def split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if not separator:
        return list(text) if limit < 0 or len(text) <= limit else [*text[: limit - 1], text[limit - 1 :]]
    return text.split(separator, limit - 1 if limit > 0 else -1)


@method("string.substring(int) -> string", "string.substring(int, int) -> string", cost=traversal(0))
def substring(text: str, start: int, end: int | None = None) -> str:
    last = len(text) if end is None else end
    if end is not None and start > end:
        raise EvaluationError(f"invalid substring range. start: {start}, end: {end}")
    if not 0 <= start <= len(text):
        raise EvaluationError(f"index out of range: {start}")
    if not 0 <= last <= len(text):
        raise EvaluationError(f"index out of range: {last}")
    return text[start:last]


@method("string.trim() -> string", cost=traversal(0))
def trim(text: str) -> str:
    return text.strip(_WHITE)


@method("list(string).join() -> string", "list(string).join(string) -> string", cost=traversal(0))
def join(parts: list[str], separator: str = "") -> str:
    if not all(isinstance(part, str) for part in parts):
        raise EvaluationError("join: invalid input: a list of strings is needed")
    return separator.join(parts)


_QUOTED = str.maketrans(
    {
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
        "\\": "\\\\",
        '"': '\\"',
    }
)


@function("strings.quote(string) -> string", cost=traversal(0))
def quote(text: str) -> str:
    return f'"{text.translate(_QUOTED)}"'
