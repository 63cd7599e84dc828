"""JSON as kubectl writes it: four spaces, sorted keys, and what is special in HTML escaped as Go does."""

from __future__ import annotations

import json
from typing import Any


def render(value: Any) -> str:
    """The document, ended by a newline."""
    return escape_html(json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False)) + "\n"


def compact(value: Any) -> str:
    """One line without spaces, keys sorted: Go's json.Marshal."""
    return escape_html(json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False))


def escape_html(text: str) -> str:
    """Escape as Go's encoder does."""
    for character, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(character, escape)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
