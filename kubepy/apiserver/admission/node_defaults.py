"""DefaultTolerationSeconds and TaintNodesByCondition: what the node lifecycle relies on."""

from __future__ import annotations

from collections.abc import Hashable

from kubepy.api.resources import NODES, PODS
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import MAIN, NOTHING, Plugin

_NOT_READY = "node.kubernetes.io/not-ready"
_UNREACHABLE = "node.kubernetes.io/unreachable"
_SECONDS = 300


class DefaultTolerationSeconds(Plugin):
    """A pod stays five minutes on a node that is lost, unless it says otherwise."""

    resources = frozenset({PODS})
    subresources = MAIN
    operations = frozenset({"CREATE", "UPDATE"})

    def premise(self, attributes: Attributes) -> Hashable | None:
        """The spec alone."""
        return NOTHING

    async def mutate(self, attributes: Attributes) -> None:
        """Add the two tolerations."""
        spec = attributes.object["spec"]
        tolerations = spec.get("tolerations") or []
        added = [key for key in (_NOT_READY, _UNREACHABLE) if not _tolerates(tolerations, key)]
        if added:
            spec["tolerations"] = [
                *tolerations,
                *(
                    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _SECONDS}
                    for key in added
                ),
            ]


def _tolerates(tolerations: list[dict[str, object]], key: str) -> bool:
    return any(
        t.get("key") in (key, None, "") and t.get("effect") in ("NoExecute", None, "") for t in tolerations
    )


class TaintNodesByCondition(Plugin):
    """A new node takes no pods until it is known to be ready."""

    resources = frozenset({NODES})
    subresources = MAIN
    operations = frozenset({"CREATE"})

    async def mutate(self, attributes: Attributes) -> None:
        """Add the taint."""
        spec = attributes.object.setdefault("spec", {})
        taints = spec.get("taints") or []
        if not any(t.get("key") == _NOT_READY and t.get("effect") == "NoSchedule" for t in taints):
            spec["taints"] = [*taints, {"key": _NOT_READY, "effect": "NoSchedule"}]
