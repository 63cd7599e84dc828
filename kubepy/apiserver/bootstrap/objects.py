"""Writing as the server itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.apiserver.authentication.user import MASTERS, User
from kubepy.apiserver.requests import Context, Query, RequestInfo
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj, deep_copy

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_HEADERS = {"User-Agent": "kube-apiserver"}
_SELF = User("system:apiserver", (MASTERS,))


def context(verb: str, namespace: str = "") -> Context:
    """The server acting for itself."""
    return Context(RequestInfo("", "", verb, namespace=namespace), Query(""), _SELF, _HEADERS, [])


async def ensure(server: APIServer, gvr: GVR, obj: Obj) -> bool:
    """Create an object unless there is one of its name; True when it was made."""
    store = server.served.get(gvr).store
    namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
    if store.cache.get(f"{namespace}/{name}" if namespace else name) is not None:
        return False
    made = {"apiVersion": gvr.api_version, "kind": store.resource.kind, **deep_copy(obj)}
    store.kind.decode(made)
    store.kind.default(made)
    try:
        await store.create(context("create", namespace), namespace, made)
    except errors.StatusError as error:
        if not errors.is_already_exists(error):
            raise
        return False
    return True
