"""PodTopologyLabels: a pod learns from its labels in which zone and region its node is."""

from __future__ import annotations

from collections.abc import Hashable

from kubepy.api.resources import BINDINGS, PODS
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import NOTHING, Plugin
from kubepy.apiserver.cacher import ResourceCache

_LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class PodTopologyLabels(Plugin):
    """Changes new pods that are on a node already, and bindings."""

    resources = frozenset({PODS, BINDINGS})
    subresources = frozenset({"", "binding"})
    operations = frozenset({"CREATE"})

    def __init__(self, nodes: ResourceCache) -> None:
        self._nodes = nodes

    def premise(self, attributes: Attributes) -> Hashable | None:
        """Pods that are on no node stay as they are; of others the labels change."""
        return None if attributes.object["spec"].get("nodeName") else NOTHING

    async def mutate(self, attributes: Attributes) -> None:
        """Copy the node's labels, over those that were there."""
        obj = attributes.object
        if attributes.gvr == PODS and not attributes.subresource:
            name = (obj.get("spec") or {}).get("nodeName")
        else:
            name = (obj.get("target") or {}).get("name")
        entry = self._nodes.get(name) if name else None
        if entry is None:
            return
        found = {key: entry.labels[key] for key in _LABELS if key in entry.labels}
        if found:
            metadata = obj.setdefault("metadata", {})
            metadata["labels"] = {**(metadata.get("labels") or {}), **found}
