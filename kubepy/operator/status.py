"""The status subresource: conditions, and writing only what differs."""

from typing import Any

from kubepy.client import Client
from kubepy.machinery import conditions, meta, timestamps
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.patch import merge_patch
from kubepy.util.clock import Clock


class Status:
    """A copy of an object's status to work on, then `write`.

        status = Status(web, clock)
        status["readyReplicas"] = 3
        status.set_condition("Ready", True, "Available", "all replicas are ready")
        await status.write(client, WEBS)

    `observedGeneration` is kept in step, in the status and in the conditions that are set.
    """

    def __init__(self, obj: Obj, clock: Clock) -> None:
        self._obj = obj
        self._clock = clock
        self.value: dict[str, Any] = meta.deep_copy(obj.get("status") or {})

    def __getitem__(self, field: str) -> Any:
        return self.value[field]

    def __setitem__(self, field: str, value: Any) -> None:
        self.value[field] = value

    def get(self, field: str, default: Any = None) -> Any:
        return self.value.get(field, default)

    def set_condition(self, type: str, status: bool | None, reason: str, message: str = "") -> bool:
        """Set a condition (`status` None: Unknown); lastTransitionTime moves only when the status does.

        Tells whether anything changed.
        """
        condition: Obj = {
            "type": type,
            "status": "Unknown" if status is None else str(bool(status)),
            "reason": reason,
            "message": message,
        }
        if generation := meta.generation(self._obj):
            condition["observedGeneration"] = generation
        now = timestamps.rfc3339(self._clock.now())
        return conditions.set_condition(self.value.setdefault("conditions", []), condition, now)

    def is_true(self, type: str) -> bool:
        """Whether the condition is there and True."""
        return conditions.is_true(self.value.get("conditions"), type)

    async def write(self, client: Client, gvr: GVR, *, observed_generation: bool = True) -> Obj:
        """The object as it then is. Nothing is sent when nothing differs.

        A merge patch of what differs, without a precondition: one controller writes a status. Raises
        StatusError, NotFound among others when the object has gone.
        """
        if observed_generation and (generation := meta.generation(self._obj)):
            self.value["observedGeneration"] = generation
        change = merge_patch.create(self._obj.get("status") or {}, self.value)
        if not change:
            return self._obj
        return await client.patch(
            gvr,
            meta.name(self._obj),
            {"status": change},
            namespace=meta.namespace(self._obj) or None,
            subresource="status",
        )
