"""The ReplicaSet's reconciler, on ReplicationControllers."""

from __future__ import annotations

from kubepy.api.resources import PODS, REPLICATION_CONTROLLERS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.controllers.replicaset.controller import ReplicaSetReconciler
from kubepy.machinery import meta
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request

KIND = GVK("", "v1", "ReplicationController")


def as_replica_set(controller: Obj) -> Obj:
    """The same with a label selector instead of a map."""
    spec = controller["spec"]
    return {**controller, "spec": {**spec, "selector": {"matchLabels": spec.get("selector") or {}}}}


def new(context: Context) -> Controller:
    """The ReplicationController controller."""
    reconciler = ReplicaSetReconciler(context, REPLICATION_CONTROLLERS, KIND, as_replica_set)
    stored = context.factory.informer(REPLICATION_CONTROLLERS)

    def of_orphan(pod: Obj) -> list[Request]:
        if meta.controller_of(pod) is not None:
            return []
        found = stored.lister.list(meta.namespace(pod))
        return [Request.of(rc) for rc in found if pods.selects(as_replica_set(rc), pod)]

    controller = Controller("replicationcontroller", reconciler.reconcile, workers=5)
    return controller.for_(REPLICATION_CONTROLLERS).owns(PODS, KIND).watches(PODS, of_orphan)
