"""The chain of plugins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

from kubepy.api.shared_specs import SharedSpec
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.machinery.gvk import GVR
from kubepy.util.memo import Memo

MAIN = frozenset({""})
"""`subresources` of a plugin that looks at the objects themselves."""
NOTHING = ()
"""The premise of a plugin that goes by nothing but the spec."""
_ADMITTED = 128


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
        """What `mutate` follows from, of a new pod's spec and this alone, when it changes the spec alone.

        NOTHING for what follows from the spec; None when that cannot be said: then `mutate` must run.
        """
        return None if self.handles(attributes) else NOTHING

    async def mutate(self, attributes: Attributes) -> None:
        """Change attributes.obj in place, or raise StatusError."""

    async def validate(self, attributes: Attributes) -> None:
        """Raise StatusError to refuse."""


_Act = Callable[[Attributes], Awaitable[None]]


class _Asked(NamedTuple):
    """A plugin that may be concerned, ready to be called: `handles` is None for one that always is."""

    handles: Callable[[Attributes], bool] | None
    act: _Act
    premise: Callable[[Attributes], Hashable | None]


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
            if (
                operation in plugin.operations
                and (plugin.resources is None or gvr in plugin.resources)
                and (plugin.subresources is None or subresource in plugin.subresources)
            ):
                always = type(plugin).handles is Plugin.handles
                yield _Asked(None if always else plugin.handles, self._act_of(plugin), plugin.premise)


class AdmissionChain:
    """Runs the plugins in order: all that mutate, later all that validate."""

    def __init__(self, plugins: Sequence[Plugin] = ()) -> None:
        self._mutating = _Phase(
            [p for p in plugins if type(p).mutate is not Plugin.mutate], lambda plugin: plugin.mutate
        )
        self._validating = _Phase(
            [p for p in plugins if type(p).validate is not Plugin.validate], lambda plugin: plugin.validate
        )
        # What plugins made of shared specs: a controller's pods come out of admission alike.
        self._admitted: Memo[tuple[Hashable, ...], SharedSpec] = Memo(_ADMITTED)

    async def mutate(self, attributes: Attributes) -> None:
        """Let every plugin change the object; a second time when a webhook or policy has changed it."""
        shared = attributes.shared
        if shared is None:
            await self._rounds(attributes)
            return
        premises = self._premises(attributes, shared)
        admitted = None if premises is None else self._admitted.get(premises)
        if admitted is not None:
            attributes.shared, attributes.object["spec"] = admitted, admitted.spec
            return
        obj = attributes.object
        obj["spec"] = shared.unshared(obj["spec"])
        await self._rounds(attributes)
        attributes.shared = None
        if premises is not None:
            # No later step of a create changes the spec in place.
            attributes.shared = self._admitted[premises] = SharedSpec(attributes.object["spec"], kept=True)

    def _premises(self, attributes: Attributes, shared: SharedSpec) -> tuple[Hashable, ...] | None:
        """From what the changes to a shared spec follow; None when that cannot be said."""
        found: list[Hashable] = [shared]
        for plugin in self._mutating.asked(attributes):
            premise = plugin.premise(attributes)
            if premise is None:
                return None
            found.append(premise)
        return tuple(found)

    async def _rounds(self, attributes: Attributes) -> None:
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
