"""Server-side apply: say what an object should have, and own exactly that."""

from collections.abc import Iterable
from typing import Any

from kubepy.client import Client, RESTMapper
from kubepy.machinery import errors, meta
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.operator import owner as owners


class Applier:
    """Applies objects as `field_manager` (a stable name of the controller).

    An apply creates or changes; fields that an earlier apply of the same manager had and this one has not are
    removed; what others own and this one does not name stays. With `force` (a controller's usual way) fields
    in conflict are taken over, without it they raise a Conflict that names the other manager.

    What is applied must be the whole intention each time, not something read from the server and changed.
    """

    def __init__(
        self, client: Client, field_manager: str, *, mapper: RESTMapper | None = None, force: bool = True
    ) -> None:
        if not field_manager or len(field_manager) > 128:
            raise ValueError("a field manager is named by 1 to 128 characters")
        self._client = client
        self._manager = field_manager
        self._mapper = mapper or RESTMapper(client)
        self._force = force

    async def apply(
        self, obj: Obj, *, owner: Obj | None = None, subresource: str | None = None, dry_run: bool = False
    ) -> Obj:
        """The object as the server then has it. With `owner` it gets a controller reference first.

        `obj` needs apiVersion, kind and metadata.name. Raises StatusError; MissingKind for an unknown kind.
        """
        if owner is not None:
            obj = owners.set_controller(owner, meta.deep_copy(obj))
        mapping = await self._mapper.mapping(GVK.of(obj))
        return await self._client.patch(
            mapping.gvr,
            meta.name(obj),
            obj,
            namespace=(meta.namespace(obj) or None) if mapping.namespaced else None,
            type="apply",
            subresource=subresource,
            field_manager=self._manager,
            force=self._force,
            dry_run=dry_run,
        )

    async def apply_all(self, objects: Iterable[Obj], *, owner: Obj | None = None) -> list[Obj]:
        """One after the other, in that order."""
        return [await self.apply(obj, owner=owner) for obj in objects]

    async def apply_status(self, obj: Obj, status: dict[str, Any]) -> Obj:
        """Own these fields of the status of `obj`."""
        metadata = {"name": meta.name(obj)}
        if namespace := meta.namespace(obj):
            metadata["namespace"] = namespace
        intent: Obj = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "metadata": metadata,
            "status": status,
        }
        return await self.apply(intent, subresource="status")

    async def delete(self, obj: Obj, **options: Any) -> bool:
        """Ask for deletion; tells whether it was there. `options` are those of Client.delete."""
        mapping = await self._mapper.mapping(GVK.of(obj))
        namespace = (meta.namespace(obj) or None) if mapping.namespaced else None
        try:
            await self._client.delete(mapping.gvr, meta.name(obj), namespace=namespace, **options)
        except errors.StatusError as error:
            if errors.is_not_found(error):
                return False
            raise
        return True
