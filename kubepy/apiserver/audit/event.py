"""One request on its way through the stages: an Event of audit.k8s.io/v1 per stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from kubepy.apiserver.audit.policy import Decision
from kubepy.apiserver.requests import Context
from kubepy.machinery.timestamps import rfc3339_micro
from kubepy.util.clock import Clock

_REQUEST, _RESPONSE = 2, 3
_MOST_OBJECT = 1_500_000


class AuditEvent:
    """Knows what is known so far; each stage writes it."""

    def __init__(
        self,
        context: Context,
        decision: Decision,
        clock: Clock,
        write: Callable[[bytes], None],
        *,
        uri: str,
        addresses: list[str],
    ) -> None:
        self._context = context
        self._decision = decision
        self._clock = clock
        self._write = write
        self._user = context.user
        self._received = rfc3339_micro(clock.time())
        self._uri = uri
        self._addresses = addresses
        self._request: bytes = b""
        self.annotations: dict[str, str] = {}

    def request_body(self, body: bytes) -> None:
        """What the client has sent."""
        if self._decision.level >= _REQUEST:
            self._request = body

    def received(self) -> None:
        """Stage RequestReceived."""
        self._emit("RequestReceived", None, None)

    def response_started(self, code: int) -> None:
        """Stage ResponseStarted, of answers that take long."""
        self._emit("ResponseStarted", {"metadata": {}, "code": code}, None)

    def unauthenticated(self, message: str) -> None:
        """Stage ResponseStarted of a 401."""
        status = {
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": "Unauthorized",
            "code": 401,
        }
        self._emit("ResponseStarted", status, None)

    def complete(self, code: int, body: bytes | None) -> None:
        """Stage ResponseComplete."""
        self._emit("ResponseComplete", *self._outcome(code, body))

    def panic(self, code: int, body: bytes | None) -> None:
        """Stage Panic: the server failed."""
        self._emit("Panic", *self._outcome(code, body))

    def _outcome(self, code: int, body: bytes | None) -> tuple[dict[str, Any], Any]:
        status: dict[str, Any] = {"metadata": {}, "code": code}
        answered = self._parsed(body) if body and (code >= 400 or self._decision.level >= _RESPONSE) else None
        if code >= 400 and isinstance(answered, dict) and answered.get("kind") == "Status":
            for field in ("status", "message", "reason", "details"):
                if field in answered:
                    status[field] = answered[field]
        return status, answered if self._decision.level >= _RESPONSE else None

    def _parsed(self, body: bytes) -> Any:
        if len(body) > _MOST_OBJECT:
            return None
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        if self._decision.omit_managed_fields and isinstance(found, dict):
            for obj in (found, *(found.get("items") or ())):
                if isinstance(obj, dict) and isinstance(obj.get("metadata"), dict):
                    obj["metadata"].pop("managedFields", None)
        return found

    def _emit(self, stage: str, status: dict[str, Any] | None, response: Any) -> None:
        if stage in self._decision.omitted:
            return
        context = self._context
        event: dict[str, Any] = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": self._decision.name,
            "auditID": context.audit_id,
            "stage": stage,
            "requestURI": self._uri,
            "verb": context.info.verb,
            "user": self._user.as_info(),
        }
        if context.user is not self._user:
            event["impersonatedUser"] = context.user.as_info()
        if self._addresses:
            event["sourceIPs"] = self._addresses
        agent = context.headers.get("User-Agent")
        if agent:
            event["userAgent"] = agent[:1024]
        if context.info.is_resource:
            event["objectRef"] = self._reference()
        if status is not None:
            event["responseStatus"] = status
        if self._request and stage != "RequestReceived":
            event["requestObject"] = self._parsed(self._request)
        if response is not None:
            event["responseObject"] = response
        event["requestReceivedTimestamp"] = self._received
        event["stageTimestamp"] = rfc3339_micro(self._clock.time())
        if self.annotations:
            event["annotations"] = dict(self.annotations)
        self._write(orjson.dumps(event))

    def _reference(self) -> dict[str, str]:
        info = self._context.info
        found = {
            "resource": info.resource,
            "namespace": info.namespace,
            "name": info.name,
            "apiGroup": info.group,
            "apiVersion": info.version,
            "subresource": info.subresource,
        }
        return {field: value for field, value in found.items() if value}
