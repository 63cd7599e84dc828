"""Go's regular expressions (RE2's syntax), run by Python's engine.

The two differ in few places, which are translated; what RE2 does not know (back references, look-around,
possessive repetition) is refused, so that a pattern means the same here as in Kubernetes or nothing at all.
"""

from __future__ import annotations

import functools
import re
import sys
import unicodedata


class PatternError(ValueError):
    """The pattern is not one: "error parsing regexp: ..."."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"error parsing regexp: {reason}")


_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ", "digit": "0-9",
    "cntrl": r"\x00-\x1f\x7f", "graph": "!-~", "lower": "a-z", "print": " -~", "space": r"\t\n\v\f\r ",
    "punct": r"!-/:-@\[-`{-~", "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_NO_ESCAPE = frozenset("123456789ZGXRKky")
_SCRIPTS = {
    "Greek": r"\u0370-\u03ff",
    "Latin": r"A-Za-z\u00aa\u00ba\u00c0-\u024f",
    "Han": r"\u4e00-\u9fff",
    "Cyrillic": r"\u0400-\u052f",
}


@functools.lru_cache(maxsize=4096)
def compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of Go's syntax; use search, as nothing anchors it. Raises PatternError."""
    try:
        return re.compile(_Translation(pattern).run(), re.ASCII)
    except (re.error, OverflowError) as error:
        raise PatternError(_reason(pattern, error)) from None


def _reason(pattern: str, error: Exception) -> str:
    text = str(error)
    if "unterminated subpattern" in text:
        return f"missing closing ): `{pattern}`"
    if "unbalanced parenthesis" in text:
        return f"unexpected ): `{pattern}`"
    if "unterminated character set" in text:
        return f"missing closing ]: `{pattern[getattr(error, 'pos', 0) or 0 :]}`"
    if "nothing to repeat" in text:
        return f"missing argument to repetition operator: `{pattern[getattr(error, 'pos', 0) or 0 :][:1]}`"
    if "multiple repeat" in text:
        return f"invalid nested repetition operator: `{pattern}`"
    return f"{text}: `{pattern}`"


class _Translation:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._parts: list[str] = []

    def run(self) -> str:
        while self._at < len(self._pattern):
            self._step()
        return "".join(self._parts)

    def _step(self) -> None:
        pattern, at = self._pattern, self._at
        character = pattern[at]
        if character == "\\":
            self._escape(inside=False)
        elif character == "[":
            self._set()
        elif character == "(" and pattern.startswith("(?", at):
            self._group()
        else:
            if character in "*+?}" and pattern.startswith("+", at + 1):
                raise PatternError(f"invalid nested repetition operator: `{pattern[at : at + 2]}`")
            self._at += 1
            # Python's $ also matches before a last newline.
            self._parts.append(r"\Z" if character == "$" else character)

    def _group(self) -> None:
        match = re.compile(r"\(\?(?:P?<(\w+)>|([ims]*(?:-[ims]+)?)([:)]))").match(self._pattern, self._at)
        if match is None:
            raise PatternError(
                f"invalid or unsupported Perl syntax: `{self._pattern[self._at : self._at + 3]}`"
            )
        self._at = match.end()
        name, flags, end = match.groups()
        if name is not None:
            self._parts.append(f"(?P<{name}>")
        elif end == ":" or not flags:
            self._parts.append(f"(?{flags}:" if end == ":" else "")
        else:
            # Flags in mid-pattern hold to the group's end: put the rest into a group of its own.
            self._parts.append(f"(?{flags}:")
            self._until_group_ends()
            self._parts.append(")")

    def _until_group_ends(self) -> None:
        depth = 0
        while self._at < len(self._pattern):
            character = self._pattern[self._at]
            if character == ")":
                if depth == 0:
                    return
                depth -= 1
            elif character == "(":
                depth += 1
            self._step()

    def _escape(self, *, inside: bool) -> None:
        pattern, at = self._pattern, self._at
        following = pattern[at + 1 : at + 2]
        if following in ("p", "P"):
            self._category(inside=inside)
            return
        if following == "Q" and not inside:
            end = pattern.find("\\E", at + 2)
            literal = pattern[at + 2 : end if end >= 0 else len(pattern)]
            self._parts.append(re.escape(literal))
            self._at = end + 2 if end >= 0 else len(pattern)
            return
        if not following:
            raise PatternError("trailing backslash at end of expression: ``")
        if following in _NO_ESCAPE:
            raise PatternError(f"invalid escape sequence: `\\{following}`")
        if following == "x" and pattern.startswith("{", at + 2):
            end = pattern.find("}", at)
            self._parts.append(re.escape(chr(int(pattern[at + 3 : end], 16))))
            self._at = end + 1
            return
        self._parts.append({"z": r"\Z"}.get(following, f"\\{following}"))
        self._at += 2

    def _category(self, *, inside: bool) -> None:
        match = re.compile(r"\\([pP])(?:\{(\^?)(\w+)\}|(\w))").match(self._pattern, self._at)
        if match is None:
            raise PatternError(f"invalid character class range: `{self._pattern[self._at : self._at + 2]}`")
        self._at = match.end()
        ranges = _SCRIPTS.get(match[3] or "") or _ranges(match[3] or match[4])
        if not ranges:
            raise PatternError(f"invalid character class range: `{match[0]}`")
        negated = (match[1] == "P") != bool(match[2])
        if not inside:
            self._parts.append(f"[{'^' if negated else ''}{ranges}]")
        elif negated:
            raise PatternError(f"unsupported negated class in a set: `{match[0]}`")
        else:
            self._parts.append(ranges)

    def _set(self) -> None:
        pattern = self._pattern
        start = self._at
        self._at += 1
        self._parts.append("[")
        if pattern.startswith("^", self._at):
            self._parts.append("^")
            self._at += 1
        first = self._at
        while self._at < len(pattern):
            character = pattern[self._at]
            if character == "]" and self._at > first:
                self._at += 1
                self._parts.append("]")
                return
            if character == "\\":
                self._escape(inside=True)
            elif pattern.startswith("[:", self._at) and (end := pattern.find(":]", self._at)) > 0:
                name = pattern[self._at + 2 : end]
                if name not in _POSIX:
                    raise PatternError(f"invalid character class range: `[:{name}:]`")
                self._parts.append(_POSIX[name])
                self._at = end + 2
            else:
                # Python reserves doubled set operators; RE2 has none.
                self._parts.append(f"\\{character}" if character in "[]&|~" else character)
                self._at += 1
        raise PatternError(f"missing closing ]: `{pattern[start:]}`")


@functools.cache
def _ranges(category: str) -> str:
    """The characters of a general category, as the inside of a set."""
    ranges: list[str] = []
    start = -1
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and unicodedata.category(chr(code)).startswith(category)
        if inside and start < 0:
            start = code
        elif not inside and start >= 0:
            ranges.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = -1
    return "".join(ranges)
