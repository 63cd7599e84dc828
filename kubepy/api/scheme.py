"""The scheme: one front door to everything the API server must know of the built-in kinds."""

from __future__ import annotations

from kubepy.api import schemas
from kubepy.api.kind import BuiltinKind, decode
from kubepy.api.resources import BY_GVK, BY_GVR, RESOURCES, Resource
from kubepy.machinery.decode import Decoder
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema


class Scheme:
    """The built-in kinds; `SCHEME` is the only instance anybody needs."""

    def __init__(self) -> None:
        self._kinds: dict[GVR, BuiltinKind] = {}
        self._decoders: dict[GVK, Decoder] = {}  # of kinds without a resource

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All built-in resources, groups in the server's order of preference."""
        return RESOURCES

    def resource(self, gvr: GVR) -> Resource:
        """Return the resource; KeyError when it is not built in."""
        return BY_GVR[gvr]

    def resource_for_kind(self, gvk: GVK) -> Resource:
        """Return the resource that serves a kind; KeyError when it is not built in."""
        return BY_GVK[gvk]

    def recognizes(self, gvk: GVK) -> bool:
        """Tell whether the kind has a resource of its own here."""
        return gvk in BY_GVK

    def kind(self, gvr: GVR) -> BuiltinKind:
        """Return a resource's kind; KeyError when it is not built in."""
        found = self._kinds.get(gvr)
        if found is None:
            found = self._kinds[gvr] = BuiltinKind(BY_GVR[gvr])
        return found

    def kind_of(self, obj: Obj) -> BuiltinKind:
        """Return an object's kind; KeyError when it is not built in."""
        return self.kind(BY_GVK[GVK.of(obj)].gvr)

    def schema(self, gvk: GVK) -> Schema:
        """Return the kind's schema, also of kinds without a resource (Scale); KeyError when there is none."""
        return schemas.schema(gvk)

    def decode(self, gvk: GVK, obj: Obj, *, strict: bool = False) -> list[str]:
        """Fit `obj` into a kind's fields as `Kind.decode` does, also of kinds without a resource."""
        resource = BY_GVK.get(gvk)
        if resource is not None:
            return self.kind(resource.gvr).decode(obj, strict=strict)
        decoder = self._decoders.get(gvk)
        if decoder is None:
            decoder = self._decoders[gvk] = Decoder(schemas.schema(gvk))
        return decode(decoder, gvk, obj, strict=strict)


SCHEME = Scheme()
