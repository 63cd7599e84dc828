"""Namespaces: deletion waits for the namespace controller, which empties them and then finalizes."""

from __future__ import annotations

from kubepy.api.resources import NAMESPACES
from kubepy.apiserver.registry.strategy import Strategy, Undo
from kubepy.machinery.meta import Obj

_NAME_LABEL = "kubernetes.io/metadata.name"


class NamespaceStrategy(Strategy):
    """spec.finalizers keep a namespace as metadata.finalizers keep other objects."""

    def __init__(self) -> None:
        super().__init__(NAMESPACES)

    async def begin_create(self, obj: Obj, *, dry_run: bool) -> Undo | None:
        """Every namespace carries its name as a label, for namespaceSelectors."""
        obj["metadata"].setdefault("labels", {})[_NAME_LABEL] = obj["metadata"].get("name") or ""
        return None

    async def begin_update(self, obj: Obj, old: Obj, *, dry_run: bool) -> Undo | None:
        """The label stays true."""
        obj["metadata"].setdefault("labels", {})[_NAME_LABEL] = obj["metadata"]["name"]
        return None

    def blocks_deletion(self, obj: Obj) -> bool:
        """True until the controller has emptied the namespace."""
        return bool((obj.get("spec") or {}).get("finalizers"))

    def begin_delete(self, obj: Obj) -> None:
        """A namespace that is being deleted says so in its phase; its grace period is none."""
        obj.setdefault("status", {})["phase"] = "Terminating"
        obj["metadata"].pop("deletionGracePeriodSeconds", None)
