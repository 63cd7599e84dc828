"""Between the versions of a custom resource: the same fields under another apiVersion, or a webhook."""

from __future__ import annotations

import uuid
from typing import Any

from kubepy.apiserver.webhooks import WebhookClient
from kubepy.apiserver.webhooks.client import WebhookError
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj, deep_copy

_TIMEOUT = 30.0
_KEPT_METADATA = ("labels", "annotations")


class Converter:
    """Converts objects of one definition; never changes those it is given."""

    def __init__(self, conversion: Obj, name: str, webhooks: WebhookClient) -> None:
        self._config: Obj | None = None
        if conversion.get("strategy") == "Webhook":
            self._config = (conversion.get("webhook") or {}).get("clientConfig") or {}
        self._name = name
        self._webhooks = webhooks

    @property
    def needs_io(self) -> bool:
        """True when converting asks a webhook."""
        return self._config is not None

    def rename(self, obj: Obj, api_version: str) -> Obj:
        """The None strategy; shares everything below."""
        return {**obj, "apiVersion": api_version}

    async def convert(self, objects: list[Obj], api_version: str) -> list[Obj]:
        """The objects in another version, in order. Raises StatusError."""
        if self._config is None:
            return [deep_copy(self.rename(obj, api_version)) for obj in objects]
        waiting = [obj for obj in objects if obj.get("apiVersion") != api_version]
        converted = iter(await self._ask(waiting, api_version) if waiting else ())
        return [deep_copy(o) if o.get("apiVersion") == api_version else next(converted) for o in objects]

    async def _ask(self, objects: list[Obj], api_version: str) -> list[Obj]:
        uid = str(uuid.uuid4())
        review = {
            "kind": "ConversionReview",
            "apiVersion": "apiextensions.k8s.io/v1",
            "request": {"uid": uid, "desiredAPIVersion": api_version, "objects": objects},
        }
        assert self._config is not None
        gvk = f"{objects[0].get('apiVersion')}, Kind={objects[0].get('kind')}"
        try:
            answer = await self._webhooks.call(self._config, review, timeout=_TIMEOUT)
            return self._read(answer, objects, uid, api_version)
        except (WebhookError, ValueError) as error:
            raise errors.internal_error(f"conversion webhook for {gvk} failed: {error}") from None

    def _read(self, answer: Obj, objects: list[Obj], uid: str, api_version: str) -> list[Obj]:
        response: Any = answer.get("response")
        if answer.get("kind") != "ConversionReview" or not isinstance(response, dict):
            raise ValueError(
                f"invalid response: expected ConversionReview, got {answer.get('kind') or 'nothing'}"
            )
        if response.get("uid") != uid:
            raise ValueError(f"expected response.uid={_q(uid)}, got {_q(response.get('uid') or '')}")
        result = response.get("result") or {}
        if result.get("status") != "Success":
            raise ValueError(result.get("message") or "the webhook reported a failure without a message")
        converted: Any = response.get("convertedObjects") or []
        if len(converted) != len(objects):
            raise ValueError(f"webhook returned {len(converted)} objects, expected {len(objects)}")
        for index, (new, old) in enumerate(zip(converted, objects, strict=True)):
            _check(index, new, old, api_version)
        return list(converted)


def _q(text: str) -> str:
    return f'"{text}"'


def _check(index: int, new: Any, old: Obj, api_version: str) -> None:
    """A webhook may change everything but what the object is; of metadata only labels and annotations."""
    if not isinstance(new, dict) or not isinstance(new.get("metadata"), dict):
        raise ValueError(f"invalid metadata in object at index {index}")
    if new.get("apiVersion") != api_version:
        raise ValueError(
            f"invalid groupVersion (expected {api_version}, received {new.get('apiVersion')})"
            f" in object at index {index}"
        )
    if new.get("kind") != old.get("kind"):
        raise ValueError(
            f"invalid kind (expected {old.get('kind')}, received {new.get('kind')})"
            f" in object at index {index}"
        )
    metadata, before = new["metadata"], old["metadata"]
    for field in ("name", "namespace", "uid"):
        if (metadata.get(field) or "") != (before.get(field) or ""):
            raise ValueError(f"must not change metadata.{field} of object at index {index}")
    kept = {field: metadata[field] for field in _KEPT_METADATA if metadata.get(field)}
    new["metadata"] = {**{k: v for k, v in before.items() if k not in _KEPT_METADATA}, **kept}
