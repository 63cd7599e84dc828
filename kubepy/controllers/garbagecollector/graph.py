"""Who owns whom, by uid, as far as the watched resources tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubepy.machinery import meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


@dataclass
class Node:
    """One object: where it is, its owners, what hangs on it, how it is being deleted."""

    gvr: GVR
    namespace: str
    name: str
    uid: str
    owners: list[Obj] = field(default_factory=list)
    deleting: bool = False
    finalizers: frozenset[str] = frozenset()

    @property
    def foreground(self) -> bool:
        """Being deleted, and waiting for its dependents."""
        return self.deleting and FOREGROUND in self.finalizers

    @property
    def orphaning(self) -> bool:
        """Being deleted, and letting its dependents go first."""
        return self.deleting and ORPHAN in self.finalizers

    def blocks(self, owner_uid: str) -> bool:
        """Whether this dependent keeps that owner from going."""
        return any(o["uid"] == owner_uid and o.get("blockOwnerDeletion") for o in self.owners)


class Graph:
    """The objects and their owner references."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, set[str]] = {}

    def get(self, uid: str) -> Node | None:
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[Node]:
        return [self._nodes[d] for d in self._dependents.get(uid, ()) if d in self._nodes]

    def put(self, gvr: GVR, obj: Obj) -> set[str]:
        """Take the object's present state; returns the uids that now deserve a look."""
        uid = meta.uid(obj)
        before = self._nodes.get(uid)
        node = Node(
            gvr,
            meta.namespace(obj),
            meta.name(obj),
            uid,
            meta.owner_references(obj),
            meta.is_terminating(obj),
            frozenset(meta.finalizers(obj)),
        )
        self._nodes[uid] = node
        self._link(uid, before.owners if before else [], node.owners)
        look: set[str] = set()
        if node.foreground or node.orphaning:
            look |= {uid, *(d.uid for d in self.dependents(uid))}
        for owner in node.owners:
            known = self._nodes.get(owner["uid"])
            if known is None or known.deleting or known.namespace not in ("", node.namespace):
                look.add(uid)
        if before is not None and before.owners != node.owners:
            look |= {uid, *(o["uid"] for o in before.owners)}
        return look

    def remove(self, uid: str) -> set[str]:
        """The object is gone; returns the uids that now deserve a look: dependents, and waiting owners."""
        node = self._nodes.pop(uid, None)
        if node is None:
            return set()
        look = {d.uid for d in self.dependents(uid)} | {o["uid"] for o in node.owners}
        self._link(uid, node.owners, [])
        return look

    def _link(self, uid: str, before: list[Obj], after: list[Obj]) -> None:
        for owner in before:
            self._dependents.get(owner["uid"], set()).discard(uid)
            if not self._dependents.get(owner["uid"], True):
                del self._dependents[owner["uid"]]
        for owner in after:
            self._dependents.setdefault(owner["uid"], set()).add(uid)
