"""JSON values as Go's fmt shows them, for messages that quote them so."""

from __future__ import annotations

from typing import Any

from kubepy.machinery.field_errors import quote


def plain(value: Any) -> str:
    """As Go's %v shows it: map[name:web ports:[80 81]]."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case dict():
            return "map[" + " ".join(f"{key}:{plain(value[key])}" for key in sorted(value)) + "]"
        case list():
            return "[" + " ".join(map(plain, value)) + "]"
        case float() if value.is_integer() and abs(value) < 1e21:
            return str(int(value))
    return str(value)


def syntax(value: Any) -> str:
    """As Go's %#v shows it: map[string]interface {}{"name":"web"}."""
    match value:
        case str():
            return quote(value)
        case None:
            return "interface {}(nil)"
        case dict():
            inner = ", ".join(f"{quote(key)}:{syntax(value[key])}" for key in sorted(value))
            return f"map[string]interface {{}}{{{inner}}}"
        case list():
            return "[]interface {}{" + ", ".join(map(syntax, value)) + "}"
    return plain(value)


def type_name(value: Any) -> str:
    """As Go's %T shows it."""
    match value:
        case dict():
            return "map[string]interface {}"
        case list():
            return "[]interface {}"
    return "bool" if isinstance(value, bool) else "string"
