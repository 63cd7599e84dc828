"""Makes the default objects; what is there already stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.api import resources as r
from kubepy.api.scheme import SCHEME
from kubepy.apiserver.authentication.user import MASTERS, User
from kubepy.apiserver.requests import Context, Query, RequestInfo
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj, deep_copy

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
_SELF = User("system:apiserver", (MASTERS,))
_HIGHEST_SYSTEM_PRIORITY = 2_000_000_000


def context(verb: str = "create") -> Context:
    """The server acting for itself."""
    return Context(RequestInfo("POST", "", verb), Query(""), _SELF, {}, [])


async def ensure(server: APIServer, gvr: GVR, obj: Obj) -> bool:
    """Create an object unless there is one of its name; True when it was made."""
    store = server.served.get(gvr).store
    obj = {"apiVersion": gvr.api_version, "kind": store.resource.kind, **deep_copy(obj)}
    SCHEME.decode(store.resource.gvk, obj)
    SCHEME.default(obj)
    acting = context()
    namespace = obj["metadata"].get("namespace", "")
    acting.info.namespace = namespace
    try:
        await store.create(acting, namespace, obj)
    except errors.StatusError as error:
        if not errors.is_already_exists(error):
            raise
        return False
    return True


async def run(server: APIServer) -> None:
    """Everything, in an order in which each finds what it needs."""
    for name in NAMESPACES:
        await ensure(server, r.NAMESPACES, {"metadata": {"name": name}})
    await server.cacher.fresh()
    for name, above, explanation in (
        (
            "system-cluster-critical",
            0,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if "
            "necessary.",
        ),
        (
            "system-node-critical",
            1000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
    ):
        await ensure(
            server,
            r.PRIORITY_CLASSES,
            {
                "metadata": {"name": name},
                "value": _HIGHEST_SYSTEM_PRIORITY + above,
                "description": explanation,
            },
        )
