"""Loading, in idle time, what the start left out: no request should have to wait for it.

The modules stand in the order in which they need each other, so that each takes a few milliseconds only.
"""

from __future__ import annotations

import importlib

from kubepy.util.clock import Clock
from kubepy.util.lean_imports import lean

_AFTER = 1.0  # clients that waited for the server come first
_PAUSE = 0.05
_MODULES = (
    "kubepy.api.validation.pods",
    "kubepy.api.validation.core",
    "kubepy.api.validation.apps",
    "kubepy.api.printers.core",
    "kubepy.api.printers.registry",
    "kubepy.machinery.cel.types",
    "kubepy.machinery.cel.checker",
    "kubepy.machinery.cel.interpreter",
    "kubepy.machinery.cel.libraries.standard",
    "kubepy.machinery.cel.libraries.strings",
    "kubepy.machinery.cel.libraries.network",
    "kubepy.machinery.cel.libraries.formats",
    "kubepy.machinery.cel.program",
    "kubepy.machinery.structural",
    "kubepy.apiserver.admission.expressions",
    "kubepy.apiserver.admission.configured",
    "kubepy.api.validation.admissionregistration",
    "kubepy.api.validation.apiextensions",
    "cryptography.x509",
)


async def warm(clock: Clock) -> None:
    """Load them one by one."""
    await clock.sleep(_AFTER)
    for name in _MODULES:
        with lean():
            importlib.import_module(name)
        await clock.sleep(_PAUSE)
