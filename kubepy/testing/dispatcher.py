"""The server's way in, with a look at each request: counted, recorded, and struck by faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from kubepy.apiserver.cacher import encoding
from kubepy.apiserver.dispatch import Dispatcher
from kubepy.apiserver.handlers.watch import refuse
from kubepy.apiserver.requests import Context
from kubepy.machinery import errors
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GR
from kubepy.testing.faults import WRITES, Faults
from kubepy.testing.trace import CURRENT, Request, Trace
from kubepy.util.clock import SystemClock

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_WALL = SystemClock()
_LONG = frozenset({"exec", "attach", "portforward", "proxy", "log"})


class ObservedDispatcher(Dispatcher):
    """`begun` and `ended` count requests that end by themselves: watches and streams do not."""

    def __init__(self, server: APIServer, trace: Trace, faults: Faults) -> None:
        super().__init__(server)
        self._trace = trace
        self._faults = faults
        self.begun = 0
        self.ended = 0
        self.outside = self.outside_ended = 0  # of these, by others than kubepy's components
        self.turning_back = False  # while a snapshot is restored nobody may write
        self._watches: dict[int, tuple[web.BaseRequest, Request]] = {}

    async def _admit(self, request: web.BaseRequest, context: Context) -> web.StreamResponse:
        clock = self._server.clock
        record = self._trace.begin(context, clock.time())
        started = _WALL.monotonic()
        token = CURRENT.set(record)
        info = context.info
        watching = info.verb == "watch"
        counted = not watching and info.subresource not in _LONG
        self.begun += counted
        self.outside += counted and not record.by_component
        if watching:
            self._watches[id(record)] = request, record
        try:
            if self.turning_back and info.verb in WRITES:
                raise errors.modified(GR(info.group, info.resource), info.name)
            try:
                await self._faults.strike(record, info)
            except StatusError as error:
                if watching and error.code == 410:
                    record.code = 410
                    return await refuse(request, context, error)
                raise
            response = await super()._admit(request, context)
            record.code = record.code or response.status
        except StatusError as error:
            record.code = error.code
            raise
        finally:
            record.user = context.user.name  # an impersonated one, by now
            record.milliseconds = (_WALL.monotonic() - started) * 1000
            self.ended += counted
            self.outside_ended += counted and not record.by_component
            self._watches.pop(id(record), None)
            CURRENT.reset(token)
        return response

    @property
    def under_way(self) -> list[Request]:
        """The requests without an answer yet, watches left out."""
        return [r for r in self._trace if not r.code and r.verb != "watch" and r.subresource not in _LONG]

    @property
    def watches(self) -> list[Request]:
        """The open watches."""
        return [record for _, record in self._watches.values()]

    def end_watches(self, chosen: Callable[[Request], bool], *, expired: bool) -> int:
        """End open watches with 410, or by breaking the connection; gives how many."""
        ended = [(request, record) for request, record in self._watches.values() if chosen(record)]
        for request, record in ended:
            record.fault, record.code = ("410", 410) if expired else ("dropped", 499)
            transport = request.transport
            if transport is None:
                continue
            if expired:
                status = errors.expired("too old resource version: 1 (2)").status
                transport.write(encoding.chunk(encoding.json_event("ERROR", orjson.dumps(status))))
                transport.write(b"0\r\n\r\n")
                transport.close()
            else:
                transport.abort()
        return len(ended)
