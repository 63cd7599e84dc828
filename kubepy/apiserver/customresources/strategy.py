"""How definitions and custom objects are deleted and created."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api import resources as r
from kubepy.apiserver.customresources.definition import FINALIZER
from kubepy.apiserver.registry.strategy import Strategy
from kubepy.machinery import conditions, timestamps
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock


class DefinitionStrategy(Strategy):
    """A definition's deletion begins with the removal of its instances: a finalizer sees to it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(r.CRDS)
        self._clock = clock

    def begin_delete(self, obj: Obj) -> None:
        """Mark the definition as terminating."""
        metadata = obj["metadata"]
        if FINALIZER not in (metadata.get("finalizers") or ()):
            metadata["finalizers"] = [*(metadata.get("finalizers") or ()), FINALIZER]
        status = obj.setdefault("status", {})
        conditions.set_condition(
            status.setdefault("conditions", []),
            {
                "type": "Terminating",
                "status": "True",
                "reason": "InstanceDeletionPending",
                "message": "CustomResourceDefinition marked for deletion;"
                " CustomResource deletion will begin soon",
            },
            timestamps.rfc3339(self._clock.time()),
        )


class CustomStrategy(Strategy):
    """Custom objects have no habits; `after` hears of every deletion."""

    def __init__(self, gvr: GVR, after: Callable[[], None]) -> None:
        super().__init__(gvr)
        self._after = after

    async def after_delete(self, obj: Obj) -> None:
        """Let the drain of a terminating definition look again."""
        self._after()
