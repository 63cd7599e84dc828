"""Plugins that are off unless enableAdmissionPlugins names them."""

from __future__ import annotations

from collections.abc import Hashable

from kubepy.api.resources import PODS, SERVICES
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import MAIN, NOTHING, Plugin
from kubepy.machinery import errors

_FIELDS = ("initContainers", "containers", "ephemeralContainers")


class AlwaysPullImages(Plugin):
    """Whoever names an image must be able to pull it."""

    resources = frozenset({PODS})
    subresources = MAIN

    def premise(self, attributes: Attributes) -> Hashable | None:
        """The object alone."""
        return NOTHING

    async def mutate(self, attributes: Attributes) -> None:
        """Set imagePullPolicy."""
        for field in _FIELDS:
            for container in attributes.object["spec"].get(field) or ():
                container["imagePullPolicy"] = "Always"


class DenyServiceExternalIPs(Plugin):
    """Nobody takes over other people's addresses."""

    resources = frozenset({SERVICES})
    subresources = MAIN

    async def validate(self, attributes: Attributes) -> None:
        """Refuse addresses that were not there before."""
        wanted = set((attributes.object.get("spec") or {}).get("externalIPs") or ())
        known = set(((attributes.old or {}).get("spec") or {}).get("externalIPs") or ())
        if wanted - known:
            detail = "Use of external IPs is denied by admission control."
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
