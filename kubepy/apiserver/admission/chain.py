"""The chain of plugins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

from kubepy.apiserver.admission.attributes import Attributes, Premises
from kubepy.machinery.gvk import GVR

MAIN = frozenset({""})
"""`subresources` of a plugin that looks at the objects themselves."""
NOTHING = ()
"""The premise of a plugin that goes by nothing but the object."""


class Plugin:
    """A plugin overrides what it does.

    `operations`, `resources` and `subresources` (None for all) are where it is asked at all; `handles` may
    narrow that down.
    """

    operations: frozenset[str] = frozenset({"CREATE", "UPDATE"})
    resources: frozenset[GVR] | None = None
    subresources: frozenset[str] | None = None

    def handles(self, attributes: Attributes) -> bool:
        """Tell whether the write concerns the plugin."""
        return True

    def premise(self, attributes: Attributes) -> Hashable | None:
        """What the plugin goes by when an object is made, beside the object itself without its name.

        For kinds that are `made_alike`; seen before any plugin changes the object. NOTHING when there is
        nothing else; None when that cannot be said, or the plugin does more than change and refuse: then it
        must be asked.
        """
        return None if self.handles(attributes) else NOTHING

    async def mutate(self, attributes: Attributes) -> None:
        """Change attributes.obj in place, or raise StatusError."""

    async def validate(self, attributes: Attributes) -> None:
        """Raise StatusError to refuse."""


def _concerns(plugin: Plugin, operation: str, gvr: GVR, subresource: str) -> bool:
    return (
        operation in plugin.operations
        and (plugin.resources is None or gvr in plugin.resources)
        and (plugin.subresources is None or subresource in plugin.subresources)
    )


_Act = Callable[[Attributes], Awaitable[None]]


class _Asked(NamedTuple):
    """A plugin that may be concerned, ready to be called: `handles` is None for one that always is."""

    handles: Callable[[Attributes], bool] | None
    act: _Act


class _Phase:
    """Which plugins may be concerned with an operation on a resource; found once for each."""

    def __init__(self, plugins: Sequence[Plugin], act_of: Callable[[Plugin], _Act]) -> None:
        self._plugins = plugins
        self._act_of = act_of
        self._known: dict[tuple[str, GVR, str], tuple[_Asked, ...]] = {}

    def asked(self, attributes: Attributes) -> tuple[_Asked, ...]:
        key = attributes.operation, attributes.gvr, attributes.subresource
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = tuple(self._find(*key))
        return found

    def _find(self, operation: str, gvr: GVR, subresource: str) -> Iterator[_Asked]:
        for plugin in self._plugins:
            if _concerns(plugin, operation, gvr, subresource):
                always = type(plugin).handles is Plugin.handles
                yield _Asked(None if always else plugin.handles, self._act_of(plugin))


class AdmissionChain:
    """Runs the plugins in order: all that mutate, later all that validate."""

    def __init__(self, plugins: Sequence[Plugin] = ()) -> None:
        self._plugins = plugins
        self._mutating = _Phase(
            [p for p in plugins if type(p).mutate is not Plugin.mutate], lambda plugin: plugin.mutate
        )
        self._validating = _Phase(
            [p for p in plugins if type(p).validate is not Plugin.validate], lambda plugin: plugin.validate
        )

    def premises(self, gvr: GVR) -> Premises:
        """What the plugins go by when an object of the resource is made."""
        asked = [plugin.premise for plugin in self._plugins if _concerns(plugin, "CREATE", gvr, "")]

        def premises(attributes: Attributes) -> tuple[Hashable, ...] | None:
            found: list[Hashable] = []
            for premise in asked:
                goes_by = premise(attributes)
                if goes_by is None:
                    return None
                found.append(goes_by)
            return tuple(found)

        return premises

    async def mutate(self, attributes: Attributes) -> None:
        """Let every plugin change the object; a second time when a webhook or policy has changed it."""
        await self._mutate(attributes)
        if attributes.wants_second_round:
            attributes.reinvocation.running = True
            await self._mutate(attributes)

    async def _mutate(self, attributes: Attributes) -> None:
        for plugin in self._mutating.asked(attributes):
            if plugin.handles is None or plugin.handles(attributes):
                await plugin.act(attributes)

    async def validate(self, attributes: Attributes) -> None:
        """Let every plugin refuse."""
        for plugin in self._validating.asked(attributes):
            if plugin.handles is None or plugin.handles(attributes):
                await plugin.act(attributes)
