"""What admission plugins see of a write."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from kubepy.api.kind import Kind
from kubepy.api.resources import Resource
from kubepy.apiserver.admission.reinvocation import Reinvocation
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.registry.options import DeleteOptions, write_options
from kubepy.apiserver.requests import Context
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj


@dataclass(slots=True)
class Attributes:
    """One write. `obj` is None for DELETE, `old` for CREATE; `operation` also is CONNECT.

    A plugin may replace `obj`.
    """

    operation: str
    kind: Kind
    subresource: str
    namespace: str
    name: str
    obj: Obj | None
    old: Obj | None
    context: Context
    dry_run: bool
    delete_options: DeleteOptions | None = None
    _reinvocation: Reinvocation | None = None
    resource: Resource = field(init=False)  # the resource written to
    gvr: GVR = field(init=False)

    def __post_init__(self) -> None:
        self.resource = self.kind.resource
        self.gvr = self.resource.gvr

    @property
    def user(self) -> User:
        """Who writes."""
        return self.context.user

    @property
    def options(self) -> Obj:
        """CreateOptions, UpdateOptions, PatchOptions or DeleteOptions."""
        if self.delete_options is not None:
            return self.delete_options.to_obj()
        return write_options(self.context)

    @property
    def reinvocation(self) -> Reinvocation:
        """Who must see the object again."""
        if self._reinvocation is None:
            self._reinvocation = Reinvocation()
        return self._reinvocation

    @property
    def wants_second_round(self) -> bool:
        """True when a webhook or a policy has changed the object."""
        return self._reinvocation is not None and self._reinvocation.wanted

    @property
    def audited(self) -> bool:
        """True when somebody will read annotations."""
        return self.context.annotations is not None

    def annotate(self, key: str, value: str) -> None:
        """Write into the audit log."""
        self.context.annotate(key, value)

    def warn(self, message: str) -> None:
        """Send the client a Warning header."""
        self.context.warn(message)

    @property
    def object(self) -> Obj:
        """`obj` of a CREATE or UPDATE."""
        assert self.obj is not None
        return self.obj


Premises = Callable[[Attributes], tuple[Hashable, ...] | None]
"""Asks all plugins that a create concerns for their premises; None when one of them has none."""
