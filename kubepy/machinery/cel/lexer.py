"""Text to tokens, by the language definition's lexis."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from kubepy.machinery.cel.errors import Issue, report
from kubepy.machinery.cel.values import INT_MAX, INT_MIN, UINT_MAX, Uint

RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package"}
    | {"namespace", "return", "var", "void", "while"}
)
_KEYWORDS = {"true": True, "false": False, "null": None}


class Token(NamedTuple):
    """A token: `kind` is "literal", "ident", "end" or the operator itself."""

    kind: str
    value: Any
    offset: int


_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\n\f\r]+|//[^\n]*)
    | (?P<float>(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?))
    | (?P<int>0x[0-9a-fA-F]+|\d+)(?P<unsigned>[uU])?
    | (?P<string>(?P<prefix>[bB][rR]|[rR][bB]|[bBrR])?(?P<quote>\"\"\"|'''|"|'))
    | (?P<ident>[_a-zA-Z][_a-zA-Z0-9]*)
    | `(?P<escaped>[a-zA-Z0-9_.\-/ ]+)`
    | (?P<op>&&|\|\||[<>=!]=|[-+*/%<>!?:.,()\[\]{}])
    | (?P<in>in\b)
    """,
    re.VERBOSE,
)


def tokenize(source: str) -> list[Token]:
    """Cut an expression into tokens, closed by one of kind "end". Raises CompileError."""
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise _syntax(source, position, f"token recognition error at: '{source[position]}'")
        start, position = position, match.end()
        if match["space"] is not None:
            continue
        if match["float"] is not None:
            tokens.append(Token("literal", float(match["float"]), start))
        elif match["int"] is not None:
            tokens.append(Token("literal", _integer(source, start, match, tokens), start))
        elif match["string"] is not None:
            value, position = _string(source, match)
            tokens.append(Token("literal", value, start))
        elif match["ident"] is not None:
            tokens.append(_word(match["ident"], start))
        elif match["escaped"] is not None:
            tokens.append(Token("escaped", match["escaped"], start))
        else:
            tokens.append(Token(match["op"], match["op"], start))
    tokens.append(Token("end", "<EOF>", len(source)))
    return tokens


def _word(text: str, start: int) -> Token:
    if text in _KEYWORDS:
        return Token("literal", _KEYWORDS[text], start)
    return Token("in" if text == "in" else "ident", text, start)


def _integer(source: str, start: int, match: re.Match[str], tokens: list[Token]) -> int:
    value = int(match["int"], 0 if match["int"].startswith("0x") else 10)
    if match["unsigned"]:
        if value > UINT_MAX:
            raise report(source, [Issue(start, "invalid uint literal")])
        return Uint(value)
    # The smallest integer is written with a minus, which the parser sees as an operator.
    limit = -INT_MIN if tokens and tokens[-1].kind == "-" else INT_MAX
    if value > limit:
        raise report(source, [Issue(start, "invalid int literal")])
    return value


_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.S
)


def _string(source: str, match: re.Match[str]) -> tuple[str | bytes, int]:
    quote, prefix = match["quote"], (match["prefix"] or "").lower()
    raw = "r" in prefix
    start = position = match.end()
    while not source.startswith(quote, position):
        if position >= len(source) or (len(quote) == 1 and source[position] in "\r\n"):
            raise _syntax(source, match.start(), f"token recognition error at: '{source[match.start() :]}'")
        position += 2 if source[position] == "\\" and not raw else 1
    body, end = source[start:position], position + len(quote)
    if raw:
        return (body.encode() if "b" in prefix else body), end
    if "b" in prefix:
        return _unescape_bytes(source, start, body), end
    return _ESCAPE.sub(lambda escape: _character(source, start, escape), body), end


def _character(source: str, start: int, escape: re.Match[str]) -> str:
    two, four, eight, octal, single = escape.groups()
    if octal is not None:
        return chr(int(octal, 8))
    digits = two or four or eight
    if digits is not None:
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise _syntax(source, start + escape.start(), "invalid unicode code point")
        return chr(code)
    if single not in _ESCAPES:
        raise _syntax(source, start + escape.start(), f"token recognition error at: '\\{single}'")
    return _ESCAPES[single]


def _unescape_bytes(source: str, start: int, body: str) -> bytes:
    parts: list[bytes] = []
    position = 0
    for escape in _ESCAPE.finditer(body):
        parts.append(body[position : escape.start()].encode())
        two, _, _, octal, _ = escape.groups()
        if two is not None or octal is not None:
            parts.append(bytes([int(two, 16) if two else int(octal, 8)]))
        else:
            parts.append(_character(source, start, escape).encode())
        position = escape.end()
    return b"".join([*parts, body[position:].encode()])


def _syntax(source: str, offset: int, message: str) -> Exception:
    return report(source, [Issue(offset, f"Syntax error: {message}")])
