"""OwnerReferencesPermissionEnforcement: whoever blocks an owner's deletion must have power over the owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.authorization import attributes as access
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK, parse_api_version
from kubepy.machinery.meta import Obj, owner_references

FindPlural = Callable[[GVK], tuple[str, bool] | None]
"""The plural of a kind, and whether it is namespaced."""


class OwnerReferencesPermissionEnforcement(Plugin):
    """Off unless enableAdmissionPlugins names it, as in Kubernetes."""

    def __init__(self, authorizer: Callable[[], Authorizer], plural: FindPlural) -> None:
        self._authorizer = authorizer
        self._plural = plural

    async def validate(self, attributes: Attributes) -> None:
        """Raise 403."""
        if attributes.subresource == "status":
            return
        new, old = owner_references(attributes.object), owner_references(attributes.old or {})
        if new != old and attributes.old is not None:
            self._check_dependent(attributes)
        for owner in _newly_blocking(new, old):
            self._check_owner(attributes, owner)

    def _check_dependent(self, attributes: Attributes) -> None:
        """Changing references may set off the object's deletion: that takes the right to delete it."""
        gvk = attributes.resource.gvk
        wanted = access.Attributes(
            "delete", gvk.group, attributes.resource.plural, "", attributes.namespace, attributes.name
        )
        if not self._authorizer().decide(attributes.user, wanted)[0]:
            raise errors.forbidden(
                attributes.resource.gr,
                attributes.name,
                "cannot set an ownerRef on a resource you can't delete: ",
            )

    def _check_owner(self, attributes: Attributes, owner: Obj) -> None:
        group, version = parse_api_version(owner.get("apiVersion") or "")
        gvk = GVK(group, version, owner.get("kind") or "")
        found = self._plural(gvk)
        start = "cannot set blockOwnerDeletion"
        if found is None:
            detail = f"{start} in this case because cannot find RESTMapping for APIVersion "
            detail += f"{owner.get('apiVersion')} Kind {gvk.kind}"
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
        plural, namespaced = found
        wanted = access.Attributes(
            "update",
            group,
            plural,
            "finalizers",
            attributes.namespace if namespaced else "",
            owner.get("name") or "",
        )
        if not self._authorizer().decide(attributes.user, wanted)[0]:
            detail = f"{start} if an ownerReference refers to a resource you can't set finalizers on: "
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)


def _newly_blocking(new: Iterable[Obj], old: Iterable[Obj]) -> list[Obj]:
    before = {owner.get("uid"): owner for owner in old if owner.get("blockOwnerDeletion")}
    return [
        owner
        for owner in new
        if owner.get("blockOwnerDeletion")
        and (before.get(owner.get("uid")) or {}).get("blockOwnerDeletion") is not True
    ]
