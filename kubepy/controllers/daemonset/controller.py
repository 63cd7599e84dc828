"""Observes a DaemonSet with its pods and the nodes; creates, deletes, rolls, reports."""

from __future__ import annotations

from kubepy.api.resources import CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.controllers.daemonset import core, rollout, status
from kubepy.controllers.daemonset.core import Observed, Plan
from kubepy.controllers.daemonset.placement import HASH_LABEL, node_of, pod_for_node
from kubepy.controllers.history.store import Collision, History
from kubepy.controllers.pod_control import PodControl, namespace_goes
from kubepy.controllers.pods import BURST, selects
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Result

KIND = GVK("apps", "v1", "DaemonSet")
FIRST_BACKOFF, MAX_BACKOFF = 1.0, 900.0


class FailedPods:
    """How long to wait on a node before a failed pod is replaced: 1 s, 2 s, ... 15 min."""

    def __init__(self) -> None:
        self._waits: dict[tuple[str, str], tuple[float, float]] = {}

    def left(self, uid: str, node: str, now: float) -> float:
        """Seconds to wait; 0: go ahead, and wait longer the next time."""
        wait, until = self._waits.get((uid, node), (0.0, 0.0))
        if now < until:
            return until - now
        calm = now - until > 2 * MAX_BACKOFF
        wait = FIRST_BACKOFF if calm or not wait else min(wait * 2, MAX_BACKOFF)
        self._waits[uid, node] = (wait, now + wait)
        return 0.0

    def forget(self, uid: str) -> None:
        self._waits = {key: value for key, value in self._waits.items() if key[0] != uid}


class DaemonSetReconciler:
    """One pass over one DaemonSet."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder
        self._sets = context.factory.informer(DAEMON_SETS)
        self._nodes = context.factory.informer(NODES)
        self._control = PodControl(context, KIND)
        self._history = History(context, HASH_LABEL)
        self._failed = FailedPods()
        self._sets.add_handler(on_delete=lambda daemon_set: self._failed.forget(meta.uid(daemon_set)))

    async def reconcile(self, request: Request) -> Result | None:
        key = str(request)
        daemon_set = self._sets.lister.get(request.name, request.namespace)
        if daemon_set is None:
            self._control.expectations.forget(key)
            return None
        if meta.is_terminating(daemon_set):
            return None
        try:
            return await self._sync(key, daemon_set)
        except StatusError as error:
            if namespace_goes(error):
                return None
            raise

    async def _sync(self, key: str, daemon_set: Obj) -> Result | None:
        known = await self._history.claim(daemon_set)
        try:
            current = await self._history.current(daemon_set, known)
        except Collision as collision:
            await self._note_collision(daemon_set)
            raise errors.conflict(CONTROLLER_REVISIONS.gr, str(collision), "hash collision") from collision
        owned = await self._control.claim(daemon_set)
        nodes = sorted(self._nodes.lister.list(), key=meta.name)
        digest = self._history.hash_of(current)
        observed = Observed.of(daemon_set, owned, nodes, digest, self._clock.now())
        wait, failures = None, []
        if self._control.expectations.satisfied(key):
            plan, wait = self._plan(observed)
            wanted = [pod_for_node(daemon_set, node, digest) for node in plan.create[:BURST]]
            failures = await self._control.carry_out(key, daemon_set, wanted, plan.delete[:BURST])
        live = {meta.name(current)} | self._revisions_in_use(known, owned)
        await self._history.prune(daemon_set, [*known, current] if current not in known else known, live)
        await self._report(observed)
        if failures:
            raise errors.internal_error(failures[0])
        waits = [w for w in (wait, status.next_available(observed)) if w is not None]
        return Result(requeue_after=min(waits) + 0.1) if waits else None

    def _plan(self, observed: Observed) -> tuple[Plan, float | None]:
        """What keeps every node served comes first; when that is nothing, the rollout moves on."""
        plan = core.manage(observed)
        waits = [left for pod in plan.ended if (left := self._end(observed.daemon_set, pod, plan)) > 0]
        if not plan.create and not plan.delete:
            plan = rollout.roll(observed)
        return plan, min(waits, default=None)

    def _end(self, daemon_set: Obj, pod: Obj, plan: Plan) -> float:
        """A finished pod goes, a failed one after a back-off: seconds still to wait."""
        node = node_of(pod)
        if pods.phase(pod) == "Succeeded":
            message = f"Found succeeded daemon pod {meta.key(pod)} on node {node}, will try to delete it"
            self._recorder.event(daemon_set, "Normal", "SucceededDaemonPod", message)
        else:
            left = self._failed.left(meta.uid(daemon_set), node, self._clock.monotonic())
            if left > 0:
                return left
            message = f"Found failed daemon pod {meta.key(pod)} on node {node}, will try to kill it"
            self._recorder.event(daemon_set, "Warning", "FailedDaemonPod", message)
        plan.delete.append(pod)
        return 0.0

    def _revisions_in_use(self, known: list[Obj], owned: list[Obj]) -> set[str]:
        hashes = {meta.labels(pod).get(HASH_LABEL) for pod in owned}
        return {meta.name(r) for r in known if self._history.hash_of(r) in hashes}

    async def _report(self, observed: Observed) -> None:
        computed = status.compute(observed)
        if computed != (observed.daemon_set.get("status") or {}):
            await self._client.update_status(DAEMON_SETS, {**observed.daemon_set, "status": computed})

    async def _note_collision(self, daemon_set: Obj) -> None:
        before = daemon_set.get("status") or {}
        bumped = {**before, "collisionCount": (before.get("collisionCount") or 0) + 1}
        await self._client.update_status(DAEMON_SETS, {**daemon_set, "status": bumped})


def _matters(event: str, old: Obj | None, new: Obj | None) -> bool:
    """Node heartbeats do not; labels, taints and cordons do."""
    if old is None or new is None:
        return True
    return meta.labels(old) != meta.labels(new) or old.get("spec") != new.get("spec")


def new(context: Context) -> Controller:
    """The DaemonSet controller."""
    reconciler = DaemonSetReconciler(context)
    sets = context.factory.informer(DAEMON_SETS)

    def of_orphan(pod: Obj) -> list[Request]:
        if meta.controller_of(pod) is not None:
            return []
        return [Request.of(s) for s in sets.lister.list(meta.namespace(pod)) if selects(s, pod)]

    controller = Controller("daemonset", reconciler.reconcile, workers=2)
    controller.for_(DAEMON_SETS).owns(PODS, KIND).watches(PODS, of_orphan)
    controller.owns(CONTROLLER_REVISIONS, KIND)
    return controller.watches(NODES, lambda node: [Request.of(s) for s in sets.lister.list()], _matters)
