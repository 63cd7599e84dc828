"""Loading less, and later: what makes a component start, or a command answer, before all of it is loaded."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def without(module: str) -> Iterator[None]:
    """Within the block, `import module` fails as if it were not installed (unless it is loaded already)."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


def late(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`: its names, each loaded from its module below the package when asked for.

    `from package import name` asks at once; `import package` and `package.name` where it is used does not.
    """

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)  # the next time it is simply there
        return value

    return __getattr__


@contextmanager
def lean(*, freeze: bool = False) -> Iterator[None]:
    """Around a program's imports: no garbage collection.

    What imports make is no garbage; `freeze` lets the collector never look at it again, which is for who has
    the process to himself.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if freeze:
            gc.freeze()
        elif not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()  # into the oldest generation, without a walk through all of it
        if collects:
            gc.enable()
