"""The ControllerRevisions of one owner in the API server."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from kubepy.api.resources import CONTROLLER_REVISIONS
from kubepy.controllers.context import Context
from kubepy.controllers.history import revisions
from kubepy.machinery import errors, labels, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj


class Collision(Exception):
    """Another revision has the name that this one would get: count it into the hash."""


class History:
    """Reads and writes revisions; ``hash_label`` is where the kind of owner keeps the hash."""

    def __init__(self, context: Context, hash_label: str) -> None:
        self._client = context.client
        self._informer = context.factory.informer(CONTROLLER_REVISIONS)
        self._hash_label = hash_label

    async def claim(self, owner: Obj) -> list[Obj]:
        """The owner's revisions, oldest first; orphans that its selector matches are adopted."""
        selector = labels.from_label_selector(owner["spec"].get("selector"))
        found = []
        for revision in self._informer.lister.list(meta.namespace(owner)):
            reference = meta.controller_of(revision)
            going = meta.is_terminating(owner) or meta.is_terminating(revision)
            if reference is not None and reference.get("uid") == meta.uid(owner):
                found.append(revision)
            elif reference is None and selector.matches(meta.labels(revision)) and not going:
                found.append(await self._adopt(owner, revision))
        return revisions.ordered(found)

    async def _adopt(self, owner: Obj, revision: Obj) -> Obj:
        metadata = {"uid": meta.uid(revision), "ownerReferences": [meta.owner_reference(owner)]}
        return await self._client.patch(
            CONTROLLER_REVISIONS,
            meta.name(revision),
            {"metadata": metadata},
            namespace=meta.namespace(owner),
            type="strategic",
        )

    async def current(self, owner: Obj, known: list[Obj]) -> Obj:
        """The revision of the owner's present template, made or made the newest. Raises Collision."""
        existing = revisions.find_equal(known, revisions.data_of(owner))
        number = revisions.next_number(known)
        if existing is not None:
            if existing.get("revision", 0) == number - 1:
                return existing
            return await self._client.update(CONTROLLER_REVISIONS, {**existing, "revision": number})
        collisions = (owner.get("status") or {}).get("collisionCount") or 0
        wanted = revisions.new_revision(owner, number, collisions, self._hash_label)
        namespace = meta.namespace(owner)
        try:
            return await self._client.create(CONTROLLER_REVISIONS, wanted, namespace=namespace)
        except StatusError as error:
            if not errors.is_already_exists(error):
                raise
        found = await self._client.get(CONTROLLER_REVISIONS, meta.name(wanted), namespace=namespace)
        if meta.is_controlled_by(found, owner) and found.get("data") == wanted["data"]:
            return found  # our cache had not seen it yet
        raise Collision(meta.name(wanted))

    def hash_of(self, revision: Obj) -> str:
        return meta.labels(revision).get(self._hash_label, "")

    async def prune(self, owner: Obj, known: list[Obj], live: AbstractSet[str]) -> None:
        """Delete what exceeds revisionHistoryLimit."""
        for revision in revisions.to_prune(known, live, owner["spec"].get("revisionHistoryLimit", 10)):
            try:
                await self._client.delete(
                    CONTROLLER_REVISIONS,
                    meta.name(revision),
                    namespace=meta.namespace(owner),
                    uid=meta.uid(revision),
                )
            except StatusError as error:
                if not errors.is_not_found(error):
                    raise
