"""The functions that expressions may call: CEL's own, its extensions, and those that Kubernetes adds.

Each module registers what it implements in `functions.FUNCTIONS` when it is imported. Implementations are
plain functions of plain values; what cannot be answered is an EvaluationError.
"""

from __future__ import annotations

import importlib
from typing import Final

_MODULES: Final = (
    "standard",
    "conversions",
    "calendar",
    "strings",
    "formatting",
    "optionals",
    "lists",
    "ext_lists",
    "sets",
    "regex",
    "url",
    "network",
    "quantity",
    "semver",
    "formats",
    "authorizer",
    "json_patch",
)


def load() -> None:
    """Register all libraries."""
    for name in _MODULES:
        importlib.import_module(f"{__name__}.{name}")
