"""DefaultStorageClass, DefaultIngressClass and StorageObjectInUseProtection."""

from __future__ import annotations

from kubepy.api.resources import INGRESSES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import MAIN, Plugin
from kubepy.apiserver.cacher import Entry, ResourceCache
from kubepy.machinery import errors

_STORAGE_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_STORAGE_DEFAULT_OLD = "storageclass.beta.kubernetes.io/is-default-class"
_INGRESS_DEFAULT = "ingressclass.kubernetes.io/is-default-class"
_INGRESS_ANNOTATION = "kubernetes.io/ingress.class"
_FINALIZERS = {
    PERSISTENT_VOLUME_CLAIMS: "kubernetes.io/pvc-protection",
    PERSISTENT_VOLUMES: "kubernetes.io/pv-protection",
}


def _defaults(classes: ResourceCache, *names: str) -> list[Entry]:
    found = [
        entry
        for entry in classes.entries.values()
        if any((entry.obj["metadata"].get("annotations") or {}).get(name) == "true" for name in names)
    ]
    # The newest, and of equals the first by name.
    found.sort(key=lambda e: e.name)
    found.sort(key=lambda e: e.obj["metadata"].get("creationTimestamp", ""), reverse=True)
    return found


class DefaultStorageClass(Plugin):
    """A claim that names no class gets the default one."""

    resources = frozenset({PERSISTENT_VOLUME_CLAIMS})
    subresources = MAIN
    operations = frozenset({"CREATE"})

    def __init__(self, classes: ResourceCache) -> None:
        self._classes = classes

    def handles(self, attributes: Attributes) -> bool:
        """New claims without a class ("" is one)."""
        return "storageClassName" not in (attributes.object.get("spec") or {})

    async def mutate(self, attributes: Attributes) -> None:
        """Name the class."""
        found = _defaults(self._classes, _STORAGE_DEFAULT, _STORAGE_DEFAULT_OLD)
        if found:
            attributes.object.setdefault("spec", {})["storageClassName"] = found[0].name


class DefaultIngressClass(Plugin):
    """An ingress that names no class gets the default one."""

    resources = frozenset({INGRESSES})
    subresources = MAIN
    operations = frozenset({"CREATE"})

    def __init__(self, classes: ResourceCache) -> None:
        self._classes = classes

    def handles(self, attributes: Attributes) -> bool:
        """New ingresses without a class, in a field or the old annotation."""
        obj = attributes.object
        named = (obj.get("spec") or {}).get("ingressClassName") is not None
        return not named and _INGRESS_ANNOTATION not in (obj["metadata"].get("annotations") or {})

    async def mutate(self, attributes: Attributes) -> None:
        """Name the class."""
        found = _defaults(self._classes, _INGRESS_DEFAULT)
        if len(found) > 1:
            detail = f"{len(found)} default IngressClasses were found, only 1 allowed"
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
        if found:
            attributes.object.setdefault("spec", {})["ingressClassName"] = found[0].name


class StorageObjectInUseProtection(Plugin):
    """Claims and volumes in use are not deleted under those who use them: a finalizer sees to it."""

    resources = frozenset(_FINALIZERS)
    subresources = MAIN
    operations = frozenset({"CREATE"})

    async def mutate(self, attributes: Attributes) -> None:
        """Add the finalizer."""
        finalizers = attributes.object["metadata"].setdefault("finalizers", [])
        if _FINALIZERS[attributes.gvr] not in finalizers:
            finalizers.append(_FINALIZERS[attributes.gvr])
