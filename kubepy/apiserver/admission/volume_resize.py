"""PersistentVolumeClaimResize: a claim grows only when its class says that volumes can."""

from __future__ import annotations

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import MAIN, Plugin
from kubepy.apiserver.cacher import ResourceCache
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity


class PersistentVolumeClaimResize(Plugin):
    """Validates updates of claims."""

    resources = frozenset({PERSISTENT_VOLUME_CLAIMS})
    subresources = MAIN
    operations = frozenset({"UPDATE"})

    def __init__(self, classes: ResourceCache) -> None:
        self._classes = classes

    async def validate(self, attributes: Attributes) -> None:
        """Raise 403."""
        old = attributes.old or {}
        if _size(attributes.object) <= _size(old):
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise errors.forbidden(
                attributes.resource.gr,
                attributes.name,
                "Only bound persistent volume claims can be expanded",
            )
        names = [(o.get("spec") or {}).get("storageClassName") for o in (attributes.object, old)]
        entry = self._classes.get(names[0]) if names[0] and names[0] == names[1] else None
        if entry is None or not entry.obj.get("allowVolumeExpansion"):
            detail = "only dynamically provisioned pvc can be resized and the storageclass that provisions "
            detail += "the pvc must support resize"
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)


def _size(claim: Obj) -> Quantity:
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return Quantity.parse(requests.get("storage") or "0")
