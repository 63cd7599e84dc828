"""Deletes pods that do not tolerate their node's NoExecute taints, when their time there is up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubepy.api.resources import NODES, PODS
from kubepy.controllers.context import Context
from kubepy.controllers.node.lifecycle import NODE_INDEX, by_node
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.taints import tolerates
from kubepy.machinery.timestamps import parse, rfc3339
from kubepy.operator import Controller, Request, Result


def seconds_left(node: Obj, pod: Obj, now: datetime) -> float | None:
    """How long the pod may stay: None for ever, 0 or less not at all. Pure."""
    left: list[float] = []
    for taint in (node.get("spec") or {}).get("taints") or ():
        if taint["effect"] != "NoExecute":
            continue
        matching = [t for t in pod["spec"].get("tolerations") or () if tolerates(t, taint)]
        if not matching:
            return 0.0
        limits: list[Any] = [
            t["tolerationSeconds"] for t in matching if t.get("tolerationSeconds") is not None
        ]
        if limits:
            added = parse(taint["timeAdded"]) if taint.get("timeAdded") else now
            left.append(max(0.0, min(limits)) - (now - added).total_seconds())
    return min(left) if left else None


class TaintEvictionReconciler:
    """One pass over one pod."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder
        self._nodes = context.factory.informer(NODES)
        self._pods = context.factory.informer(PODS)
        if not self._pods.has_index(NODE_INDEX):
            self._pods.add_index(NODE_INDEX, by_node)

    async def reconcile(self, request: Request) -> Result | None:
        pod = self._pods.lister.get(request.name, request.namespace)
        if pod is None or meta.is_terminating(pod) or not pod["spec"].get("nodeName"):
            return None
        node = self._nodes.lister.get(pod["spec"]["nodeName"])
        left = seconds_left(node, pod, self._clock.now()) if node else None
        if left is None:
            return None
        if left > 0:
            return Result(requeue_after=left)
        message = f"Marking for deletion Pod {meta.key(pod)}"
        self._recorder.event(pod, "Normal", "TaintManagerEviction", message)
        await self._say_why(pod)
        try:
            await self._client.delete(PODS, request.name, namespace=request.namespace, uid=meta.uid(pod))
        except StatusError as error:
            if not (errors.is_not_found(error) or errors.is_conflict(error)):
                raise
        return None

    async def _say_why(self, pod: Obj) -> None:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": rfc3339(self._clock.now()),
        }
        patch = {"status": {"conditions": [condition]}}
        try:
            await self._client.patch(
                PODS,
                meta.name(pod),
                patch,
                namespace=meta.namespace(pod),
                type="strategic",
                subresource="status",
            )
        except StatusError as error:
            if not errors.is_not_found(error):
                raise

    def pods_on(self, node: Obj) -> list[Request]:
        return [Request.of(pod) for pod in self._pods.by_index(NODE_INDEX, meta.name(node))]


def new(context: Context) -> Controller:
    """The taint eviction controller."""
    reconciler = TaintEvictionReconciler(context)
    controller = Controller("taint-eviction", reconciler.reconcile, workers=3)

    def taints_changed(event: str, old: Obj | None, new: Obj | None) -> bool:
        return old is None or new is None or old["spec"].get("taints") != new["spec"].get("taints")

    def placed(event: str, old: Obj | None, new: Obj | None) -> bool:
        if old is None or new is None:
            return True
        keys = ("nodeName", "tolerations")
        return any(old["spec"].get(k) != new["spec"].get(k) for k in keys)

    return controller.for_(PODS, placed).watches(NODES, reconciler.pods_on, taints_changed)
