"""Removes pods that nobody else will: of nodes gone or out of service, finished ones, those never placed."""

from __future__ import annotations

from kubepy.api.resources import NODES, PODS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.operator import Controller, Request, Result

PERIOD = 20.0
QUARANTINE = 40.0  # a node that is gone from the cache may come back
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
TERMINATED_LIMIT = 12_500
EVERYTHING = Request("", "")
NODE_GONE = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "DeletionByPodGC",
    "message": "PodGC: node no longer exists",
}


def finished_beyond(found: list[Obj], limit: int) -> list[Obj]:
    """The oldest finished pods, so that ``limit`` of them stay. Pure."""
    finished = [p for p in found if pods.phase(p) in ("Succeeded", "Failed") and not meta.is_terminating(p)]
    finished.sort(key=lambda p: (meta.creation_timestamp(p), meta.key(p)))
    return finished[: max(0, len(finished) - limit)]


class PodGcReconciler:
    """Looks at all pods, every PERIOD seconds."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._nodes = context.factory.informer(NODES)
        self._pods = context.factory.informer(PODS)
        self._missing: dict[str, float] = {}

    async def reconcile(self, _: Request) -> Result:
        found = self._pods.lister.list()
        for pod in finished_beyond(found, TERMINATED_LIMIT):
            await self._delete(pod)
        gone = await self._gone_nodes(found)
        for pod in found:
            node = pod["spec"].get("nodeName")
            if node in gone:
                await self._delete(pod, NODE_GONE)
            elif meta.is_terminating(pod) and (not node or self._is_out_of_service(node)):
                await self._delete(pod)
        return Result(requeue_after=PERIOD)

    def _is_out_of_service(self, name: str) -> bool:
        """A person says that the node is off and will not run its pods on (KEP-2268)."""
        node = self._nodes.lister.get(name)
        if node is None or conditions.is_true(node, "Ready"):
            return False
        return any(taint["key"] == OUT_OF_SERVICE for taint in (node.get("spec") or {}).get("taints") or ())

    async def _gone_nodes(self, found: list[Obj]) -> set[str]:
        """Names of nodes that have been missing for the quarantine and that the API server does not know."""
        now = self._clock.monotonic()
        named = {pod["spec"]["nodeName"] for pod in found if pod["spec"].get("nodeName")}
        missing = {name for name in named if self._nodes.lister.get(name) is None}
        self._missing = {name: self._missing.get(name, now) for name in missing}
        gone = set()
        for name, since in self._missing.items():
            if now - since < QUARANTINE:
                continue
            try:
                await self._client.get(NODES, name)
            except StatusError as error:
                if not errors.is_not_found(error):
                    raise
                gone.add(name)
        return gone

    async def _delete(self, pod: Obj, why: Obj | None = None) -> None:
        if pods.phase(pod) not in ("Succeeded", "Failed"):
            await self._mark_failed(pod, why)
        try:
            await self._client.delete(
                PODS, meta.name(pod), namespace=meta.namespace(pod), grace_period_seconds=0, uid=meta.uid(pod)
            )
        except StatusError as error:
            if not (errors.is_not_found(error) or errors.is_conflict(error)):
                raise

    async def _mark_failed(self, pod: Obj, why: Obj | None) -> None:
        status: Obj = {"phase": "Failed"}
        if why is not None:
            status["conditions"] = [{**why, "lastTransitionTime": rfc3339(self._clock.now())}]
        try:
            await self._client.patch(
                PODS,
                meta.name(pod),
                {"status": status},
                namespace=meta.namespace(pod),
                type="strategic",
                subresource="status",
            )
        except StatusError as error:
            if not errors.is_not_found(error):
                raise


def new(context: Context) -> Controller:
    """The pod garbage collector."""
    controller = Controller("podgc", PodGcReconciler(context).reconcile)
    return controller.watches(NODES, lambda node: [EVERYTHING], lambda event, old, new: event != "update")
