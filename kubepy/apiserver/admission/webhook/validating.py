"""ValidatingAdmissionWebhook: all at once; one refusal is enough."""

from __future__ import annotations

import anyio

from kubepy.api.resources import Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.admission.matching import Index
from kubepy.apiserver.admission.webhook.calling import Caller, CallFailed, Versions, denied, failed
from kubepy.apiserver.admission.webhook.configuration import Hook
from kubepy.machinery.errors import StatusError
from kubepy.util.logging import get_logger

_log = get_logger(__name__)


class ValidatingWebhooks(Plugin):
    """Refuses writes of every kind."""

    operations = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})

    def __init__(self, index: Index[Hook], caller: Caller) -> None:
        self._index = index
        self._caller = caller

    def handles(self, attributes: Attributes) -> bool:
        """Nothing while nothing is configured."""
        return bool(self._index.all)

    async def validate(self, attributes: Attributes) -> None:
        """Call the webhooks that the write concerns; of several refusals the first by name is told."""
        concerned = [
            (hook, matched)
            for hook, matched in self._index.concerning(attributes)
            if await self._caller.concerns(hook, attributes, matched)
        ]
        if not concerned:
            return
        versions = Versions(attributes, self._caller.convert)
        if len(concerned) == 1:
            refusal = await self._ask(*concerned[0], attributes, versions, 0)
            if refusal is not None:
                raise refusal
            return
        refusals: list[StatusError | None] = [None] * len(concerned)

        async def ask(position: int, hook: Hook, matched: Resource) -> None:
            refusals[position] = await self._ask(hook, matched, attributes, versions, position)

        async with anyio.create_task_group() as tasks:
            for position, (hook, matched) in enumerate(concerned):
                tasks.start_soon(ask, position, hook, matched)
        for refusal in refusals:
            if refusal is not None:
                raise refusal

    async def _ask(
        self, hook: Hook, matched: Resource, attributes: Attributes, versions: Versions, position: int
    ) -> StatusError | None:
        try:
            response = await self._caller.call(hook, attributes, matched, versions)
        except CallFailed as reason:
            if not hook.ignores_failures:
                return failed(hook, reason)
            _log.warning("failed calling webhook, failing open", webhook=hook.name, error=str(reason))
            key = f"failed-open.validating.webhook.admission.k8s.io/round_0_index_{position}"
            attributes.annotate(key, hook.name)
            return None
        except StatusError as refusal:
            return refusal
        return None if response.get("allowed") else denied(hook, response)
