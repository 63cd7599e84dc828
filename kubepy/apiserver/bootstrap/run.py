"""Makes the default objects; what is there already stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.api import resources as r
from kubepy.apiserver.bootstrap import rbac
from kubepy.apiserver.bootstrap.objects import ensure

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
_HIGHEST_SYSTEM_PRIORITY = 2_000_000_000
_PRIORITY_CLASSES = (
    (
        "system-cluster-critical",
        _HIGHEST_SYSTEM_PRIORITY,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if "
        "necessary.",
    ),
    (
        "system-node-critical",
        _HIGHEST_SYSTEM_PRIORITY + 1000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
)


async def run(server: APIServer) -> None:
    """Everything, in an order in which each finds what it needs."""
    for name in _NAMESPACES:
        await ensure(server, r.NAMESPACES, {"metadata": {"name": name}})
    await server.cacher.fresh()
    for name, value, explanation in _PRIORITY_CLASSES:
        wanted = {"metadata": {"name": name}, "value": value, "description": explanation}
        await ensure(server, r.PRIORITY_CLASSES, wanted)
    await rbac.reconcile(server)
