"""What users configure: policies and webhooks. Loaded when there is the first of its kind.

Most of it is the Common Expression Language, which takes a fifth of the server's modules.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from kubepy.api import resources as r
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import NOTHING, Plugin
from kubepy.apiserver.admission.equivalents import Equivalents
from kubepy.apiserver.admission.rbac_escalation import RBACEscalation
from kubepy.apiserver.cacher import ResourceCache
from kubepy.apiserver.webhooks import WebhookClient
from kubepy.machinery.gvk import GVR

if TYPE_CHECKING:
    from kubepy.apiserver.admission.configured import Configured
    from kubepy.apiserver.server import APIServer

_CHANGES = frozenset({"CREATE", "UPDATE"})
_WRITES = _CHANGES | {"DELETE", "CONNECT"}


class Mutating(Plugin):
    """Stands for a plugin that is made once there is something configured for it."""

    def __init__(self, configured: ResourceCache, operations: frozenset[str], make: Callable[[], Plugin]):
        self._configured = configured
        self._make = make
        self._made: Plugin | None = None
        self.operations = operations

    def handles(self, attributes: Attributes) -> bool:
        """Nothing while nothing is configured."""
        return bool(self._configured.entries) and self._plugin.handles(attributes)

    def premise(self, attributes: Attributes) -> Hashable | None:
        """Nothing while nothing is configured."""
        return self._plugin.premise(attributes) if self._configured.entries else NOTHING

    @property
    def _plugin(self) -> Plugin:
        if self._made is None:
            self._made = self._make()
        return self._made

    async def mutate(self, attributes: Attributes) -> None:
        """As the plugin does."""
        await self._plugin.mutate(attributes)


class Validating(Mutating):
    """The same for one that refuses and changes nothing."""

    mutate = Plugin.mutate

    async def validate(self, attributes: Attributes) -> None:
        """As the plugin does."""
        await self._plugin.validate(attributes)


def extensions(
    server: APIServer,
    equivalents: Equivalents,
    cache: Callable[[GVR], ResourceCache],
    webhooks: WebhookClient,
) -> list[tuple[str, Plugin]]:
    """The plugins in their order."""

    @functools.cache
    def configured() -> Configured:
        from kubepy.apiserver.admission.configured import Configured

        return Configured(server, equivalents, cache, webhooks)

    return [
        (
            "MutatingAdmissionPolicy",
            Mutating(
                cache(r.MUTATING_ADMISSION_POLICIES), _CHANGES, lambda: configured().mutating_policies()
            ),
        ),
        (
            "MutatingAdmissionWebhook",
            Mutating(
                cache(r.MUTATING_WEBHOOK_CONFIGURATIONS), _WRITES, lambda: configured().mutating_webhooks()
            ),
        ),
        ("RBACEscalation", RBACEscalation(lambda: server.authorizer)),
        (
            "ValidatingAdmissionPolicy",
            Validating(
                cache(r.VALIDATING_ADMISSION_POLICIES), _WRITES, lambda: configured().validating_policies()
            ),
        ),
        (
            "ValidatingAdmissionWebhook",
            Validating(
                cache(r.VALIDATING_WEBHOOK_CONFIGURATIONS),
                _WRITES,
                lambda: configured().validating_webhooks(),
            ),
        ),
    ]
