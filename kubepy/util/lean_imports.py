"""Loading less, and later: what makes a component start, or a command answer, before all of it is loaded."""

from __future__ import annotations

import gc
import importlib
import ssl
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
    """Around a program's imports: no garbage collection, and no reading of certificates nobody may need.

    What imports make is no garbage; `freeze` lets the collector never look at it again, which is for who has
    the process to himself. And aiohttp makes TLS contexts with all certificates of the system when it is
    imported: 45 ms of every start where OpenSSL has them in one file (its cert.pem, SSL_CERT_FILE), also of
    a program that trusts only its cluster's authority.
    """
    collects = gc.isenabled()
    gc.disable()
    ssl.SSLContext.set_default_verify_paths = _load_when_wanted  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        if "set_default_verify_paths" in vars(ssl.SSLContext):  # a block within may be left before
            del ssl.SSLContext.set_default_verify_paths
        if freeze:
            gc.freeze()
        elif not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()  # into the oldest generation, without a walk through all of it
        if collects:
            gc.enable()


def _load_when_wanted(context: ssl.SSLContext) -> None:
    if type(context) is ssl.SSLContext:
        context.__class__ = _LateContext
    else:
        super(ssl.SSLContext, context).set_default_verify_paths()


class _LateContext(ssl.SSLContext):
    """Reads the system's certificates when the first connection, or whoever counts them, wants them."""

    def _load(self) -> None:
        self.__class__ = ssl.SSLContext  # type: ignore[assignment]
        super(ssl.SSLContext, self).set_default_verify_paths()

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        self._load()
        return self.wrap_socket(*arguments, **options)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        self._load()
        return self.wrap_bio(*arguments, **options)

    def cert_store_stats(self) -> dict[str, int]:
        self._load()
        return self.cert_store_stats()

    def get_ca_certs(self, binary_form: bool = False) -> Any:
        self._load()
        return self.get_ca_certs(binary_form)
