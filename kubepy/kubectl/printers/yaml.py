"""YAML as kubectl writes it: sorted keys, lists not indented, lines folded and strings quoted as Go does."""

from __future__ import annotations

import functools
import re
from typing import Any

import yaml

try:
    from yaml import CSafeDumper as _Base
except ImportError:  # PyYAML without libyaml
    from yaml import SafeDumper as _Base  # type: ignore[assignment]

_WORDS = frozenset(
    (
        *("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"),
        *("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"),
        *("~", "null", "Null", "NULL", "<<", ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF"),
        *("+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"),
    )
)
_INTEGER = re.compile(r"[-+]?(0b[01]+|0o?[0-7]+|0x[0-9a-fA-F]+|[1-9][0-9]*|0)$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?( ?(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?)?$"
)

LINE_WIDTH = 80  # where Go's emitter, and ours, folds plain and double-quoted text


def render(value: Any) -> str:
    """The document, ended by a newline."""
    text: str = yaml.dump(
        _sorted(value),
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=False,
        width=LINE_WIDTH,
        allow_unicode=True,
        indent=2,
    )
    return text.removesuffix("...\n")


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=functools.cmp_to_key(_compare))}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _compare(a: str, b: str) -> int:
    """Go's order of keys: letters after other characters, numbers by their value."""
    digits = False
    for at, (left, right) in enumerate(zip(a, b, strict=False)):
        if left == right:
            digits = left.isdigit()
            continue
        if left.isalpha() and right.isalpha():
            return -1 if left < right else 1
        if left.isalpha() or right.isalpha():
            before = left.isalpha() if digits else right.isalpha()
            return -1 if before else 1
        lead = "1" if "0" in (left, right) and a[:at].rstrip("0")[-1:].isdigit() else ""
        left_digits, right_digits = _digits(a[at:]), _digits(b[at:])
        left_key = (int(f"{lead}{left_digits}" or "0"), len(left_digits), left)
        right_key = (int(f"{lead}{right_digits}" or "0"), len(right_digits), right)
        return -1 if left_key < right_key else 1
    return len(a) - len(b)


def _digits(text: str) -> str:
    return text[: len(text) - len(text.lstrip("0123456789"))]


class _Dumper(_Base):
    # Nothing resolves: which strings need quotes is decided below, by Go's rules rather than PyYAML's.
    yaml_implicit_resolvers: dict[str, Any] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _looks_like_something_else(text: str) -> bool:
    if not text or text in _WORDS:
        return True
    if text[0] not in "+-.0123456789":
        return False
    plain = text.replace("_", "")
    return bool(
        _INTEGER.match(plain) or _FLOAT.match(plain) or _SEXAGESIMAL.match(text) or _TIMESTAMP.match(text)
    )


def _string(dumper: Any, text: str) -> Any:
    style = None
    if "\n" in text:
        style = "|"
    elif _looks_like_something_else(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _plain(dumper: Any, value: Any) -> Any:
    text = "null" if value is None else ("true" if value else "false")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text)


def _number(dumper: Any, value: Any) -> Any:
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text)


_Dumper.add_representer(str, _string)
_Dumper.add_representer(bool, _plain)
_Dumper.add_representer(type(None), _plain)
_Dumper.add_representer(int, _number)
_Dumper.add_representer(float, _number)
