"""Watches over nodes: a silent one becomes Unknown after the grace period; conditions become taints."""

from __future__ import annotations

from kubepy.api.resources import LEASES, NODES, PODS
from kubepy.controllers.context import Context
from kubepy.controllers.node import health, zones
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.operator import Controller, Request, Result
from kubepy.util.logging import get_logger

log = get_logger(__name__)

LEASE_NAMESPACE = "kube-node-lease"
NODE_INDEX = "node-name"
LOOK_AROUND = 1.0
"""How old the picture of the zones may be, in seconds."""


def by_node(pod: Obj) -> list[str]:
    """Index: the node that a pod is bound to."""
    name = (pod.get("spec") or {}).get("nodeName")
    return [name] if name else []


class NodeLifecycleReconciler:
    """One pass over one node, at every change and every ``node_monitor_period`` seconds."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._config = context.config
        self._recorder = context.recorder
        self._nodes = context.factory.informer(NODES)
        self._leases = context.factory.informer(LEASES, namespace=LEASE_NAMESPACE)
        self._pods = context.factory.informer(PODS)
        if not self._pods.has_index(NODE_INDEX):
            self._pods.add_index(NODE_INDEX, by_node)
        self._heartbeats: dict[str, health.Heartbeat] = {}
        self._disruption = zones.Disruption(context.config)
        self._looked = float("-inf")

    async def reconcile(self, request: Request) -> Result | None:
        node = self._nodes.lister.get(request.name)
        if node is None:
            self._heartbeats.pop(request.name, None)
            return None
        silent = self._silence(node)
        if silent > self._config.node_monitor_grace_period:
            node = await self._mark_unknown(node)
        evict, again = self._evict(node)
        wanted = health.taints(node, self._clock.now(), evict=evict)
        if wanted != (node.get("spec") or {}).get("taints", []):
            # With the resourceVersion: taints are one list, and others write it too.
            changed = {**node, "spec": {**(node.get("spec") or {}), "taints": wanted}}
            node = await self._client.update(NODES, changed)
        if not conditions.is_true(node, "Ready"):
            await self._mark_pods_not_ready(node)
        return Result(requeue_after=min(again, self._config.node_monitor_period))

    def _evict(self, node: Obj) -> tuple[bool, float]:
        """(whether pods are to leave the node now, when to ask again).

        Only a node that the cache shows as not ready: then it counts among those of its zone that are down.
        """
        never = float("inf")
        if conditions.is_true(node, "Ready"):
            return False, never
        cached = self._nodes.lister.get(meta.name(node))
        if cached is None or conditions.is_true(cached, "Ready"):
            return health.is_evicting(node), LOOK_AROUND
        self._look_around()
        if self._disruption.everywhere:
            return False, never
        if health.is_evicting(node):
            return True, never
        return self._disruption.may_evict(zones.zone_of(node), self._clock.monotonic()), never

    def _look_around(self) -> None:
        now = self._clock.monotonic()
        if now - self._looked < LOOK_AROUND:
            return
        self._looked = now
        was_everywhere = self._disruption.everywhere
        for zone, state in self._disruption.update(self._nodes.lister.list()):
            log.info("zone changed its state", zone=zone, state=state)
        if was_everywhere and not self._disruption.everywhere:
            # What we heard while everything seemed to be down says nothing: all get a new grace period.
            for heartbeat in self._heartbeats.values():
                heartbeat.seen_at = now

    def _silence(self, node: Obj) -> float:
        """Seconds since we last saw a sign of life: a renewed lease or a status with a new heartbeat."""
        name = meta.name(node)
        lease = self._leases.lister.get(name, LEASE_NAMESPACE)
        renewed = str(((lease or {}).get("spec") or {}).get("renewTime", ""))
        reported = str((conditions.get(node, "Ready") or {}).get("lastHeartbeatTime", ""))
        last = self._heartbeats.get(name)
        now = self._clock.monotonic()
        if last is None or (last.lease, last.reported) != (renewed, reported):
            self._heartbeats[name] = health.Heartbeat(renewed, reported, now)
            return 0.0
        return now - last.seen_at

    async def _mark_unknown(self, node: Obj) -> Obj:
        listed = health.unknown_conditions(node, self._clock.now())
        status = node.get("status") or {}
        if listed == (status.get("conditions") or []):
            return node
        updated = await self._client.update_status(
            NODES, {**node, "status": {**status, "conditions": listed}}
        )
        # Our own write is no sign of life.
        last = self._heartbeats[meta.name(node)]
        last.reported = str((conditions.get(updated, "Ready") or {}).get("lastHeartbeatTime", ""))
        self._recorder.event(
            updated, "Normal", "NodeNotReady", f"Node {meta.name(node)} status is now: NodeNotReady"
        )
        return updated

    async def _mark_pods_not_ready(self, node: Obj) -> None:
        """A pod on a node that does not answer serves nobody: its Ready condition says so."""
        for pod in self._pods.by_index(NODE_INDEX, meta.name(node)):
            if not conditions.is_true(pod, "Ready"):
                continue
            listed = [dict(c) for c in pod["status"]["conditions"]]
            condition = {"type": "Ready", "status": "False"}
            conditions.set_condition(listed, condition, rfc3339(self._clock.now()))
            try:
                await self._client.update_status(
                    PODS, {**pod, "status": {**pod["status"], "conditions": listed}}
                )
            except StatusError as error:
                if not (errors.is_not_found(error) or errors.is_conflict(error)):
                    raise
            else:
                self._recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready")


def new(context: Context) -> Controller:
    """The node lifecycle controller."""
    return Controller("node-lifecycle", NodeLifecycleReconciler(context).reconcile, workers=3).for_(NODES)
