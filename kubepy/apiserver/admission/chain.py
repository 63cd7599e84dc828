"""The chain of plugins."""

from __future__ import annotations

from collections.abc import Sequence

from kubepy.apiserver.admission.attributes import Attributes


class Plugin:
    """A plugin overrides what it does. `operations` is where it is asked at all."""

    operations: frozenset[str] = frozenset({"CREATE", "UPDATE"})

    def handles(self, attributes: Attributes) -> bool:
        """Tell whether the write concerns the plugin."""
        return True

    async def mutate(self, attributes: Attributes) -> None:
        """Change attributes.obj in place, or raise StatusError."""

    async def validate(self, attributes: Attributes) -> None:
        """Raise StatusError to refuse."""


class AdmissionChain:
    """Runs the plugins in order: all that mutate, later all that validate."""

    def __init__(self, plugins: Sequence[Plugin] = ()) -> None:
        self._mutating = [p for p in plugins if type(p).mutate is not Plugin.mutate]
        self._validating = [p for p in plugins if type(p).validate is not Plugin.validate]

    async def mutate(self, attributes: Attributes) -> None:
        """Let every plugin change the object; a second time when a webhook or policy has changed it."""
        await self._mutate(attributes)
        if attributes.wants_second_round:
            attributes.reinvocation.running = True
            await self._mutate(attributes)

    async def _mutate(self, attributes: Attributes) -> None:
        for plugin in self._mutating:
            if attributes.operation in plugin.operations and plugin.handles(attributes):
                await plugin.mutate(attributes)

    async def validate(self, attributes: Attributes) -> None:
        """Let every plugin refuse."""
        for plugin in self._validating:
            if attributes.operation in plugin.operations and plugin.handles(attributes):
                await plugin.validate(attributes)
