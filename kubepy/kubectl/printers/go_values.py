"""Values in a column, as Go prints them."""

from __future__ import annotations

from typing import Any


def go_value(value: Any) -> str:
    """A value as Go's %v writes it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case dict():
            return f"map[{' '.join(f'{key}:{go_value(value[key])}' for key in sorted(value))}]"
        case list():
            return f"[{' '.join(map(go_value, value))}]"
        case float() if value.is_integer() and abs(value) < 1e21:
            return str(int(value))
    return str(value)
