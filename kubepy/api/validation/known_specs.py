"""Specs of new pods that were found in order lately, so that a controller's many alike pods are checked once.

What is remembered follows from the spec alone: pods whose annotations say something about the spec, and pods
with ephemeral volumes (whose claims are named after the pod), are not among them.
"""

from __future__ import annotations

import orjson

from kubepy.machinery.meta import Obj
from kubepy.util.memo import Memo

_LARGEST = 16 * 1024
_in_order: Memo[bytes, tuple[str, ...]] = Memo(512)
_MEANINGFUL = (
    "kubernetes.io/config.",
    "controller.kubernetes.io/pod-deletion-cost",
    "seccomp.security.",
    "container.seccomp.security.",
    "container.apparmor.security.",
    "scheduler.alpha.kubernetes.io/",
    "security.alpha.kubernetes.io/",
)


def key_of(pod: Obj) -> bytes | None:
    """What stands for the pod's spec; None when it must be looked at with the rest of the pod."""
    annotations = pod["metadata"].get("annotations")
    if annotations:
        for name in annotations:
            if name.startswith(_MEANINGFUL):
                return None
    spec = pod.get("spec")
    if not spec or "ephemeralContainers" in spec:
        return None
    for volume in spec.get("volumes") or ():
        if "ephemeral" in volume:
            return None
    key = orjson.dumps(spec)
    return key if len(key) <= _LARGEST else None


def warnings_of(key: bytes | None) -> tuple[str, ...] | None:
    """The warnings of a spec known to be in order; None when it is not known."""
    return None if key is None else _in_order.get(key)


def remember(key: bytes, warnings: list[str]) -> None:
    """The spec behind the key is in order, with these warnings."""
    _in_order[key] = tuple(warnings)
