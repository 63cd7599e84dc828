"""Tells the API server of pods' statuses: the newest of each, only what changed, until it is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anyio

from kubepy.api import resources as r
from kubepy.client import Client, ConnectionFailed
from kubepy.machinery import errors, meta
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger
from kubepy.workqueue import ShutDown, WorkQueue

log = get_logger(__name__)

WORKERS = 4
REPLACED_LISTS = ("podIPs", "hostIPs")


@dataclass
class _Entry:
    pod: Obj
    status: Obj
    acknowledged: Obj
    delete: bool = False


class StatusManager:
    """One status per pod is kept, the newest; what the API server said last decides what is sent."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._queue: WorkQueue[str] = WorkQueue(clock)
        self._entries: dict[str, _Entry] = {}

    def set(self, pod: Obj, status: Obj) -> None:
        """`status` is what the pod's should be; `pod` as the API has it."""
        uid = meta.uid(pod)
        entry = self._entries.get(uid)
        if entry is None:
            self._entries[uid] = _Entry(pod, status, pod.get("status") or {})
        elif entry.status == status and not _newer(pod, entry.pod):
            return
        else:
            entry.pod, entry.status = pod, status
        self._queue.add(uid)

    def status_of(self, uid: str) -> Obj | None:
        """The newest status, told or not."""
        entry = self._entries.get(uid)
        return entry.status if entry is not None else None

    def observe(self, pod: Obj) -> None:
        """The API server's newest word on the pod."""
        entry = self._entries.get(meta.uid(pod))
        if entry is not None:
            entry.acknowledged = pod.get("status") or {}
            if create_patch(entry.acknowledged, entry.status):
                self._queue.add(meta.uid(pod))

    def delete_when_told(self, pod: Obj) -> None:
        """Nothing of the pod is left on the node: tell its last status, then take it out of the API."""
        uid = meta.uid(pod)
        entry = self._entries.get(uid)
        if entry is None:
            status = pod.get("status") or {}
            entry = self._entries[uid] = _Entry(pod, status, status)
        entry.pod, entry.delete = pod, True
        self._queue.add(uid)

    def forget(self, uid: str) -> None:
        """The pod is gone from the API."""
        self._entries.pop(uid, None)

    async def run(self) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(WORKERS):
                group.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            try:
                uid = await self._queue.get()
            except ShutDown:
                return
            try:
                await self._sync(uid)
            except ConnectionFailed as error:
                log.info("status not told yet", uid=uid, error=str(error))
                self._queue.add_after(uid, 1.0)
            except errors.StatusError as error:
                log.warning("status refused", uid=uid, error=error.message)
                self._queue.add_rate_limited(uid)
            else:
                self._queue.forget(uid)
            finally:
                self._queue.done(uid)

    async def _sync(self, uid: str) -> None:
        entry = self._entries.get(uid)
        if entry is None:
            return
        name, namespace = meta.name(entry.pod), meta.namespace(entry.pod)
        patch = create_patch(entry.acknowledged, entry.status)
        try:
            if patch:
                told = entry.status
                answer = await self._client.patch(
                    r.PODS,
                    name,
                    {"metadata": {"uid": uid}, "status": patch},
                    namespace=namespace,
                    type="strategic",
                    subresource="status",
                )
                entry.acknowledged = answer.get("status") or told
            if entry.delete:
                await self._client.delete(r.PODS, name, namespace=namespace, grace_period_seconds=0, uid=uid)
        except errors.StatusError as error:
            # Another pod may have the name by now: ours is gone either way.
            if not (errors.is_not_found(error) or errors.is_conflict(error)):
                raise
            log.debug("pod is gone", uid=uid, error=error.message)


def create_patch(old: Obj, new: Obj) -> Obj:
    """The strategic merge patch from `old` to `new`, without touching conditions that `new` does not name."""
    patch: Obj = {}
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        if before == after or (key not in new and not _ours(key)):
            continue
        if key == "conditions":
            if changed := _changed_conditions(before or [], after or []):
                patch[key] = changed
        elif key in REPLACED_LISTS and before:
            patch[key] = [{"$patch": "replace"}, *(after or [])]
        else:
            patch[key] = after
    return patch


def _changed_conditions(old: list[Obj], new: list[Obj]) -> list[Obj]:
    before = {c["type"]: c for c in old}
    changed = []
    for condition in new:
        known = before.get(condition["type"])
        if known is None:
            changed.append(condition)
        elif difference := _difference(known, condition):
            changed.append({"type": condition["type"]} | difference)
    return changed


def _difference(old: Obj, new: Obj) -> dict[str, Any]:
    keys = (old.keys() | new.keys()) - {"lastProbeTime"}
    return {key: new.get(key) for key in keys if old.get(key) != new.get(key)}


def _ours(key: str) -> bool:
    """Whether the kubelet may remove the field."""
    return key in (
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
        "podIP",
        "podIPs",
    )


def _newer(pod: Obj, known: Obj) -> bool:
    return meta.resource_version(pod) != meta.resource_version(known)
