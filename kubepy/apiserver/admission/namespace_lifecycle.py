"""NamespaceLifecycle: nothing is made in a namespace that is absent or going; some namespaces stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable

from kubepy.api.resources import NAMESPACES
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import NOTHING, Plugin
from kubepy.apiserver.cacher import Entry, ResourceCache
from kubepy.machinery import errors
from kubepy.machinery.gvk import GR

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})


class NamespaceLifecycle(Plugin):
    """Validates creates and deletes."""

    operations = frozenset({"CREATE", "DELETE"})

    def __init__(self, namespaces: ResourceCache, fresh: Callable[[], Awaitable[int]]) -> None:
        self._namespaces = namespaces
        self._fresh = fresh

    def handles(self, attributes: Attributes) -> bool:
        """Creates in a namespace, deletes of namespaces."""
        if attributes.operation == "DELETE":
            return attributes.gvr == NAMESPACES
        return bool(attributes.namespace)

    def premise(self, attributes: Attributes) -> Hashable | None:
        """Nothing is changed in a namespace that is there to stay."""
        entry = self._namespaces.get(attributes.namespace)
        return None if entry is None or _is_terminating(entry) else NOTHING

    async def mutate(self, attributes: Attributes) -> None:
        """Refuse; among the mutating plugins because Kubernetes runs it before all others."""
        if attributes.operation == "DELETE":
            if attributes.name in IMMORTAL:
                raise errors.forbidden(
                    attributes.resource.gr, attributes.name, "this namespace may not be deleted"
                )
            return
        entry = self._namespaces.get(attributes.namespace)
        if entry is None:
            await self._fresh()  # it may have been made this moment, by way of another server
            entry = self._namespaces.get(attributes.namespace)
        if entry is None:
            raise errors.not_found(GR("", "namespaces"), attributes.namespace)
        if _is_terminating(entry):
            error = errors.forbidden(
                attributes.resource.gr,
                attributes.name,
                f"unable to create new content in namespace {attributes.namespace} because it is being "
                "terminated",
            )
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {attributes.namespace} is being terminated",
                "field": "metadata.namespace",
            }
            error.status["details"]["causes"] = [cause]
            raise error


def _is_terminating(namespace: Entry) -> bool:
    return (namespace.obj.get("status") or {}).get("phase") == "Terminating"
