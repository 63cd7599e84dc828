"""Plugins that are off unless enableAdmissionPlugins names them."""

from __future__ import annotations

from kubepy.api.resources import PODS, SERVICES
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.machinery import errors

_FIELDS = ("initContainers", "containers", "ephemeralContainers")


class AlwaysPullImages(Plugin):
    """Whoever names an image must be able to pull it."""

    resources = frozenset({PODS})

    def handles(self, attributes: Attributes) -> bool:
        """Pods."""
        return attributes.gvr == PODS and not attributes.subresource

    async def mutate(self, attributes: Attributes) -> None:
        """Set imagePullPolicy."""
        for field in _FIELDS:
            for container in attributes.object["spec"].get(field) or ():
                container["imagePullPolicy"] = "Always"


class DenyServiceExternalIPs(Plugin):
    """Nobody takes over other people's addresses."""

    resources = frozenset({SERVICES})

    def handles(self, attributes: Attributes) -> bool:
        """Services."""
        return attributes.gvr == SERVICES and not attributes.subresource

    async def validate(self, attributes: Attributes) -> None:
        """Refuse addresses that were not there before."""
        wanted = set((attributes.object.get("spec") or {}).get("externalIPs") or ())
        known = set(((attributes.old or {}).get("spec") or {}).get("externalIPs") or ())
        if wanted - known:
            detail = "Use of external IPs is denied by admission control."
            raise errors.forbidden(attributes.resource.gr, attributes.name, detail)
