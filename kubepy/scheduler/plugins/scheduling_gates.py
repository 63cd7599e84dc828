"""spec.schedulingGates: the pod is not to be tried while there is one (KEP-3521)."""

from __future__ import annotations

from kubepy.machinery.meta import Obj
from kubepy.scheduler.plugins.interface import PreEnqueuePlugin, Status


class SchedulingGates(PreEnqueuePlugin):
    name = "SchedulingGates"

    def pre_enqueue(self, pod: Obj) -> Status | None:
        gates = [gate["name"] for gate in pod["spec"].get("schedulingGates") or ()]
        if not gates:
            return None
        return Status((f"waiting for scheduling gates: [{' '.join(gates)}]",), unresolvable=True)
