"""Keeps a storage bounded: old revisions go after a while, keys with a time to live when it is over."""

from __future__ import annotations

from kubepy.storage.interface import Backend, StorageError
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

_log = get_logger(__name__)


async def maintain(
    backend: Backend, clock: Clock, *, interval: float = 300.0, expiry_interval: float = 30.0
) -> None:
    """Every `interval` compact to the revision of one interval ago (as kube-apiserver does to etcd).

    What was superseded thus stays readable for at least one interval. Of several servers on one etcd one
    compacts at a time. Runs until cancelled.
    """
    mark = await backend.current_revision()
    marked_at = clock.monotonic()
    turn = 0
    while True:
        await clock.sleep(min(expiry_interval, interval))
        try:
            await backend.expire()
            if clock.monotonic() - marked_at >= interval:
                turn, mine = await backend.claim_compaction(turn)
                if mine:
                    await backend.compact(mark)
                mark = await backend.current_revision()
                marked_at = clock.monotonic()
        except StorageError as error:
            _log.warning("storage maintenance failed, will try again", error=str(error))
