"""Telling people what happened to an object: core/v1 Events, repeats counted instead of repeated.

The aggregation is client-go's (tools/record): the same event again raises `count`; more than ten different
messages for the same reason within ten minutes are combined into one event; one object may not be the subject
of more than 25 events at once and then one in five minutes.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import anyio

from kubepy.client.errors import ConnectionFailed
from kubepy.client.rest import Client
from kubepy.machinery import errors, meta, timestamps
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

EVENTS = GVR("", "v1", "events")
CACHE_SIZE = 4096
QUEUE_SIZE = 1000
SIMILAR_LIMIT = 10
SIMILAR_SECONDS = 600.0
SPAM_BURST = 25.0
SPAM_QPS = 1 / 300
ATTEMPTS = 12


class _Occurrence(NamedTuple):
    involved: tuple[tuple[str, str], ...]
    type: str
    reason: str
    message: str
    when: float


@dataclass
class _Similar:
    messages: set[str] = field(default_factory=set)
    last: float = 0.0


@dataclass
class _Bucket:
    tokens: float
    updated: float


class EventRecorder:
    """Records events of one component. `event` never waits and never fails; `run` sends what was recorded."""

    def __init__(self, client: Client, component: str, host: str = "", clock: Clock | None = None) -> None:
        self._client = client
        self._clock: Clock = clock or client.clock
        self._component = component
        self._host = host
        self._queue: deque[_Occurrence] = deque(maxlen=QUEUE_SIZE)
        self._wake = anyio.Event()
        self._sent: OrderedDict[tuple[Any, ...], Obj] = OrderedDict()
        self._similar: OrderedDict[tuple[Any, ...], _Similar] = OrderedDict()
        self._buckets: OrderedDict[tuple[Any, ...], _Bucket] = OrderedDict()

    def event(self, obj: Obj, type: str, reason: str, message: str, *, field_path: str = "") -> None:
        """`type` is "Normal" or "Warning", `reason` one CamelCase word. `obj` needs apiVersion and kind.

        When more wait than the queue holds, the oldest are dropped: events are best effort.
        """
        involved = {
            "kind": obj.get("kind") or "",
            "namespace": meta.namespace(obj),
            "name": meta.name(obj),
            "uid": meta.uid(obj),
            "apiVersion": obj.get("apiVersion") or "",
            "resourceVersion": meta.resource_version(obj),
            "fieldPath": field_path,
        }
        pairs = tuple((key, value) for key, value in involved.items() if value)
        self._queue.append(_Occurrence(pairs, type, reason, message, self._clock.time()))
        self._wake.set()

    async def run(self) -> None:
        """Send events until cancelled."""
        while True:
            while self._queue:
                await self._send(self._queue.popleft())
            self._wake = anyio.Event()
            await self._wake.wait()

    async def flush(self) -> None:
        """Send what is recorded now (before a program ends)."""
        while self._queue:
            await self._send(self._queue.popleft())

    async def _send(self, occurrence: _Occurrence) -> None:
        if not self._allowed(occurrence):
            return
        key, message = self._aggregate(occurrence)
        backoff = Backoff(1, cap=10, jitter=1.0)
        for _ in range(ATTEMPTS):
            try:
                await self._write(key, occurrence, message)
            except ConnectionFailed:
                await self._clock.sleep(backoff.next())
            except errors.StatusError as error:
                # A namespace that is going away takes no more events; that is no one's fault.
                log.debug("event rejected", reason=occurrence.reason, error=error.message)
                return
            else:
                return
        log.warning("event dropped: no connection", reason=occurrence.reason, message=message)

    async def _write(self, key: tuple[Any, ...], occurrence: _Occurrence, message: str) -> None:
        now = timestamps.rfc3339(occurrence.when)
        known = self._sent.get(key)
        namespace = dict(occurrence.involved).get("namespace") or "default"
        if known is not None:
            change = {"count": known["count"] + 1, "lastTimestamp": now, "message": message}
            try:
                sent = await self._client.patch(EVENTS, meta.name(known), change, namespace=namespace)
            except errors.StatusError as error:
                if not errors.is_not_found(error):
                    raise
            else:
                self._remember(key, sent)
                return
        sent = await self._client.create(EVENTS, self._build(occurrence, message, namespace, now))
        self._remember(key, sent)

    def _build(self, occurrence: _Occurrence, message: str, namespace: str, now: str) -> Obj:
        involved = dict(occurrence.involved)
        source = {"component": self._component} | ({"host": self._host} if self._host else {})
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{involved.get('name', '')}.{int(occurrence.when * 1e9):x}",
                "namespace": namespace,
            },
            "involvedObject": involved,
            "reason": occurrence.reason,
            "message": message,
            "source": source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": occurrence.type,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }

    def _remember(self, key: tuple[Any, ...], sent: Obj) -> None:
        self._sent[key] = {"metadata": {"name": meta.name(sent)}, "count": sent.get("count") or 1}
        self._sent.move_to_end(key)
        if len(self._sent) > CACHE_SIZE:
            self._sent.popitem(last=False)

    def _aggregate(self, occurrence: _Occurrence) -> tuple[tuple[Any, ...], str]:
        subject = tuple(pair for pair in occurrence.involved if pair[0] != "resourceVersion")
        group = (subject, occurrence.type, occurrence.reason)
        similar = self._similar.setdefault(group, _Similar(last=occurrence.when))
        self._similar.move_to_end(group)
        if len(self._similar) > CACHE_SIZE:
            self._similar.popitem(last=False)
        if occurrence.when - similar.last > SIMILAR_SECONDS:
            similar.messages.clear()
        similar.last = occurrence.when
        if occurrence.message not in similar.messages and len(similar.messages) + 1 > SIMILAR_LIMIT:
            return (*group, None), f"(combined from similar events): {occurrence.message}"
        similar.messages.add(occurrence.message)
        return (*group, occurrence.message), occurrence.message

    def _allowed(self, occurrence: _Occurrence) -> bool:
        subject = tuple(
            pair for pair in occurrence.involved if pair[0] not in ("resourceVersion", "fieldPath")
        )
        bucket = self._buckets.setdefault(subject, _Bucket(SPAM_BURST, occurrence.when))
        self._buckets.move_to_end(subject)
        if len(self._buckets) > CACHE_SIZE:
            self._buckets.popitem(last=False)
        bucket.tokens = min(SPAM_BURST, bucket.tokens + (occurrence.when - bucket.updated) * SPAM_QPS)
        bucket.updated = occurrence.when
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
