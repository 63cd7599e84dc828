"""The wish to delete an object, written into it: deletionTimestamp, grace period, finalizers.

Follows rest.BeforeDelete and the garbage collection finalizers of k8s.io/apiserver's generic registry.
"""

from __future__ import annotations

from kubepy.apiserver.registry.options import DeleteOptions
from kubepy.apiserver.registry.strategy import Strategy
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import add_seconds, rfc3339
from kubepy.util.clock import Clock

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"


def mark(obj: Obj, options: DeleteOptions, strategy: Strategy, clock: Clock) -> None:
    """Change `obj` in place to what it is once this delete request is accepted.

    It may go at once when it has no finalizers and no grace period left afterwards.
    """
    metadata = obj["metadata"]
    finalizers = [f for f in metadata.get("finalizers") or () if f not in (ORPHAN, FOREGROUND)]
    finalizers += _garbage_collection(metadata.get("finalizers") or [], options, strategy)
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    grace = strategy.grace_period(obj, options)
    if metadata.get("deletionTimestamp"):
        _shorten(obj, grace, clock)
        return
    seconds = grace or 0
    metadata["deletionTimestamp"] = rfc3339(clock.time() + seconds)
    metadata["deletionGracePeriodSeconds"] = seconds
    if metadata.get("generation"):
        metadata["generation"] += 1
    strategy.begin_delete(obj)


def _shorten(obj: Obj, grace: int | None, clock: Clock) -> None:
    """A second request may only make the grace period shorter."""
    metadata = obj["metadata"]
    before = metadata.get("deletionGracePeriodSeconds") or 0
    wanted = grace or 0
    if wanted < before:
        began = add_seconds(metadata["deletionTimestamp"], -before)
        metadata["deletionTimestamp"] = max(add_seconds(began, wanted), rfc3339(clock.time()))
        metadata["deletionGracePeriodSeconds"] = wanted
        if metadata.get("generation"):
            metadata["generation"] += 1


def _garbage_collection(present: list[str], options: DeleteOptions, strategy: Strategy) -> list[str]:
    """Which of the two finalizers of the garbage collector the object carries from now on."""
    if strategy.garbage_collection == "Unsupported":
        return []
    if options.orphan_dependents is not None:
        return [ORPHAN] if options.orphan_dependents else []
    if options.propagation_policy:
        return {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(options.propagation_policy, [])
    kept = [f for f in present if f in (ORPHAN, FOREGROUND)]
    if kept:
        return kept
    return [ORPHAN] if strategy.garbage_collection == "Orphan" else []
