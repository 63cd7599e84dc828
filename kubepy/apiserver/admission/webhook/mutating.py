"""MutatingAdmissionWebhook: one after the other, each sees what those before it changed."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from kubepy.api.resources import Resource
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.admission.matching import Index
from kubepy.apiserver.admission.settle import settle
from kubepy.apiserver.admission.webhook.calling import Caller, CallFailed, Versions, denied, failed
from kubepy.apiserver.admission.webhook.configuration import Hook
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj
from kubepy.machinery.patch import PatchError, json_patch
from kubepy.util.logging import get_logger

_log = get_logger(__name__)


class MutatingWebhooks(Plugin):
    """Changes and refuses writes of every kind."""

    operations = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})

    def __init__(self, index: Index[Hook], caller: Caller) -> None:
        self._index = index
        self._caller = caller

    def handles(self, attributes: Attributes) -> bool:
        """Nothing while nothing is configured."""
        return bool(self._index.all)

    async def mutate(self, attributes: Attributes) -> None:
        """Call the webhooks that the write concerns."""
        concerning = self._index.concerning(attributes)
        if not concerning:
            return
        again = attributes.reinvocation
        if again.running:
            again.notice(self, attributes.obj)
        versions = Versions(attributes, self._caller.convert)
        for position, (hook, matched) in enumerate(concerning):
            if again.running and not again.must_reinvoke(hook):
                continue
            if not await self._caller.concerns(hook, attributes, matched):
                continue
            changed = await self._ask(hook, matched, attributes, versions, position)
            if changed:
                versions.forget()
                again.changed()
            if hook.reinvoked and not again.running:
                again.remember(hook)
        again.left(self, attributes.obj)

    async def _ask(
        self, hook: Hook, matched: Resource, attributes: Attributes, versions: Versions, position: int
    ) -> bool:
        place = f"round_{int(attributes.reinvocation.running)}_index_{position}"
        try:
            response = await self._caller.call(hook, attributes, matched, versions)
            if not response.get("allowed"):
                raise denied(hook, response)
            changed = await self._apply(response, attributes, matched, versions)
        except CallFailed as reason:
            if not hook.ignores_failures:
                raise failed(hook, reason) from None
            _log.warning("failed calling webhook, failing open", webhook=hook.name, error=str(reason))
            attributes.annotate(f"failed-open.mutating.webhook.admission.k8s.io/{place}", hook.name)
            return False
        if attributes.audited:
            record = {"configuration": hook.configuration, "webhook": hook.name, "mutated": changed}
            attributes.annotate(f"mutation.webhook.admission.k8s.io/{place}", orjson.dumps(record).decode())
        return changed

    async def _apply(
        self, response: Obj, attributes: Attributes, matched: Resource, versions: Versions
    ) -> bool:
        encoded = response.get("patch")
        if not encoded or attributes.obj is None:
            return False
        before = await versions.obj(attributes.obj, matched)
        assert before is not None
        try:
            operations: Any = orjson.loads(base64.b64decode(encoded, validate=True))
            if not isinstance(operations, list):
                raise PatchError("cannot unmarshal into a JSON patch")
            after = json_patch.apply(before, operations)
        except (PatchError, binascii.Error, orjson.JSONDecodeError) as error:
            raise errors.internal_error(str(error)) from None
        if after == before:
            return False
        if not isinstance(after, dict):
            raise errors.internal_error("the patched object is no object")
        own = attributes.resource
        if matched.gvr != own.gvr and after.get("kind") == matched.kind:
            after = await self._caller.convert(after, matched, own)
        settle(attributes, after)
        return True
