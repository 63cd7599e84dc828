"""Who is asked a second time: those with reinvocationPolicy IfNeeded, when others changed the object."""

from __future__ import annotations

from typing import Any, Protocol

from kubepy.machinery.meta import Obj, deep_copy


class Reinvocable(Protocol):
    """A webhook or a policy."""

    @property
    def id(self) -> tuple[str, ...]:
        """Unique among those of its kind."""
        ...


class Reinvocation:
    """The state of one write.

    When a webhook or policy has changed the object, the chain runs a second round (`wanted`; `running` is
    true in it), so that the built-in plugins see what is new.
    """

    __slots__ = ("_due", "_outputs", "_previous", "running", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self.running = False
        self._previous: set[Any] = set()  # those that asked for it and have been called
        self._due: set[Any] = set()  # those of them after which the object was changed
        self._outputs: dict[int, Obj | None] = {}

    def remember(self, caller: Reinvocable) -> None:
        """It was called and wants to see later changes."""
        self._previous.add((type(caller), caller.id))

    def changed(self) -> None:
        """The object has been changed: everybody who was called before must see it."""
        self.wanted = True
        self._due |= self._previous

    def must_reinvoke(self, caller: Reinvocable) -> bool:
        """Tell whether it is to be called in the second round."""
        return (type(caller), caller.id) in self._due

    def left(self, plugin: object, obj: Obj | None) -> None:
        """Remember how the plugin left the object; only needed when somebody may be asked again."""
        if self._previous and not self.running:
            self._outputs[id(plugin)] = None if obj is None else deep_copy(obj)

    def notice(self, plugin: object, obj: Obj | None) -> None:
        """In the second round: have others changed what the plugin had left?"""
        if id(plugin) in self._outputs and self._outputs[id(plugin)] != obj:
            self._due |= self._previous
