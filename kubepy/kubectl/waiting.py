"""Waiting for objects to change or go: by looking again, a little later each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session

FIRST, LONGEST = 0.05, 1.0


class TimedOut(Exception):
    """What was waited for did not happen in time."""


async def until(
    session: Session, info: Info, wanted: Callable[[Obj | None], bool], *, timeout: float
) -> Obj | None:
    """Read the object (None: not there) until `wanted` says yes. Zero seconds mean no limit."""
    deadline = session.clock.monotonic() + timeout if timeout > 0 else None
    pause = FIRST
    while True:
        obj: Obj | None
        try:
            obj = await session.request("GET", info.path)
        except StatusError as error:
            if not errors.is_not_found(error):
                raise
            obj = None
        if wanted(obj):
            return obj
        if deadline is not None and session.clock.monotonic() + pause > deadline:
            raise TimedOut
        await session.clock.sleep(pause)
        pause = min(pause * 2, LONGEST)


async def until_gone(session: Session, info: Info, uid: str, *, timeout: float = 0.0) -> None:
    """Wait until the object is gone, or another of its name is there."""
    await until(
        session, info, lambda obj: obj is None or (bool(uid) and meta.uid(obj) != uid), timeout=timeout
    )
