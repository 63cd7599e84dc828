"""What admission plugins see of a write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kubepy.api.resources import Resource
from kubepy.apiserver.authentication.user import User
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj


@dataclass(slots=True)
class Attributes:
    """One write. `obj` is None for DELETE, `old` for CREATE; `operation` also is CONNECT."""

    operation: str
    resource: Resource
    subresource: str
    namespace: str
    name: str
    obj: Obj | None
    old: Obj | None
    user: User
    dry_run: bool
    warn: Callable[[str], None]

    @property
    def gvr(self) -> GVR:
        """The resource written to."""
        return self.resource.gvr

    @property
    def object(self) -> Obj:
        """`obj` of a CREATE or UPDATE."""
        assert self.obj is not None
        return self.obj
