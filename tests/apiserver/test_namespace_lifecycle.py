"""A namespace that was made by way of another server this moment counts."""

from __future__ import annotations

import pytest

from kubepy.api.resources import BY_GVR, CONFIG_MAPS
from kubepy.api.scheme import SCHEME
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.cacher import Entry, ResourceCache
from kubepy.apiserver.requests import Context, Query, RequestInfo
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

pytestmark = pytest.mark.anyio


def create(namespace: str) -> Attributes:
    info = RequestInfo("POST", "", "create", namespace=namespace, resource="configmaps")
    context = Context(info, Query(""), User("somebody"), {}, [])
    obj: Obj = {"metadata": {"name": "a"}}
    kind = SCHEME.kind(BY_GVR[CONFIG_MAPS].gvr)
    return Attributes("CREATE", kind, "", namespace, "a", obj, None, context, dry_run=False)


async def test_the_watch_cache_is_waited_for_before_a_namespace_is_called_absent() -> None:
    namespaces = ResourceCache(lambda obj: {}, ("metadata.name",), 0)
    waits = 0

    async def fresh() -> int:
        nonlocal waits
        waits += 1
        namespaces.apply(Entry("new", b'{"metadata":{"name":"new"}}', 7, 7), deleted=False, due=[])
        return 7

    plugin = NamespaceLifecycle(namespaces, fresh)
    await plugin.mutate(create("new"))
    await plugin.mutate(create("new"))
    assert waits == 1
    with pytest.raises(StatusError, match='namespaces "absent" not found'):
        await plugin.mutate(create("absent"))
