"""Objects described in text, as `kubectl describe` does: one module per kind or family, one for all others.

`find` gives the function for a kind. A describer reads what it needs besides the object (events, pods)
through the session, and returns text that is laid out already.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from kubepy.machinery.gvk import GK

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session

Describe = Callable[["Session", "Info"], Awaitable[str]]

_MODULES: dict[GK, str] = {
    GK("", "Pod"): "pods",
    GK("", "Node"): "nodes",
    GK("apps", "Deployment"): "deployments",
    GK("apps", "ReplicaSet"): "workloads:replica_set",
    GK("apps", "StatefulSet"): "workloads:stateful_set",
    GK("apps", "DaemonSet"): "workloads:daemon_set",
    GK("", "ReplicationController"): "workloads:replication_controller",
    GK("batch", "Job"): "jobs:job",
    GK("batch", "CronJob"): "jobs:cron_job",
    GK("", "Service"): "services",
    GK("", "Namespace"): "namespaces",
    GK("", "ConfigMap"): "config:config_map",
    GK("", "Secret"): "config:secret",
    GK("", "ServiceAccount"): "config:service_account",
    GK("", "Endpoints"): "endpoints:endpoints",
    GK("discovery.k8s.io", "EndpointSlice"): "endpoints:slice_",
    GK("rbac.authorization.k8s.io", "Role"): "rbac:role",
    GK("rbac.authorization.k8s.io", "ClusterRole"): "rbac:role",
    GK("rbac.authorization.k8s.io", "RoleBinding"): "rbac:binding",
    GK("rbac.authorization.k8s.io", "ClusterRoleBinding"): "rbac:binding",
}


def find(kind: GK) -> Describe:
    """The describer of a kind, the generic one for kinds without their own."""
    module, _, function = _MODULES.get(kind, "generic").partition(":")
    found: Describe = getattr(
        importlib.import_module(f"kubepy.kubectl.describers.{module}"), function or "describe"
    )
    return found
