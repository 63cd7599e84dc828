"""What a reconciler takes and gives."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from kubepy.machinery import meta


class Request(NamedTuple):
    """Which object to look at: nothing about what happened to it, so that nothing can be missed."""

    namespace: str
    name: str

    @classmethod
    def of(cls, obj: dict[str, Any]) -> "Request":
        """The request for an object itself."""
        return cls(meta.namespace(obj), meta.name(obj))

    def __str__(self) -> str:
        return meta.make_key(self.namespace, self.name)


@dataclass(frozen=True)
class Result:
    """When to come back without being woken: after `requeue_after` seconds, or `requeue` with back-off."""

    requeue_after: float | None = None
    requeue: bool = False


class TerminalError(Exception):
    """Raised by a reconciler: trying again is of no use until something changes. Logged, not retried."""


#: Makes the world match the object's spec, from the present state alone; may run any number of times.
#: Raising means: log it and try again later (a conflict: try again, quietly).
Reconciler = Callable[[Request], Awaitable[Result | None]]


class ReconcilerObject(Protocol):
    """A reconciler as a class: what it needs comes with its constructor."""

    async def reconcile(self, request: Request, /) -> Result | None:
        """As the function."""


def as_function(reconciler: Reconciler | ReconcilerObject) -> Reconciler:
    """A function is taken as it is, of an object its `reconcile`."""
    method = getattr(reconciler, "reconcile", None)
    if method is not None:
        return method  # type: ignore[no-any-return]
    assert callable(reconciler)
    return reconciler
