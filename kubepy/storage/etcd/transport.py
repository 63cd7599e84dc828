"""gRPC calls that an event loop can wait for.

The calls are those of gRPC's synchronous API: their ends come on gRPC's own threads and are carried over
to the loop, many at a time. (grpc.aio binds all its channels of a process to one poller, and an event
that comes after its loop has closed raises in another loop; servers in tests come and go with their
loops.)
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import grpc


class Calls:
    """Waits for unary calls on behalf of one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._ended: list[tuple[asyncio.Future[Any], Any]] = []

    async def unary(
        self, method: Any, request: Any, *, timeout: float, metadata: Sequence[tuple[str, str]]
    ) -> Any:
        """The answer. Raises grpc.RpcError, which also is the call: it has code() and details()."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        call = method.future(request, timeout=timeout, metadata=metadata)
        call.add_done_callback(lambda ended: self._carry_over(answer, ended))
        try:
            return await answer
        except asyncio.CancelledError:
            call.cancel()
            raise

    def _carry_over(self, answer: asyncio.Future[Any], call: Any) -> None:
        with self._lock:
            self._ended.append((answer, call))
            first = len(self._ended) == 1
        if first:
            post(self._loop, self._hand_out)

    def _hand_out(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        for answer, call in ended:
            if answer.done():  # its caller was cancelled
                continue
            if call.code() is grpc.StatusCode.OK:
                answer.set_result(call.result())
            else:
                answer.set_exception(call)


class Stream:
    """A stream in both directions: `write`, `read` until None. Its thread ends with it."""

    def __init__(self, method: Any, metadata: Sequence[tuple[str, str]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: deque[Any] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self.error = ""
        self._call = method(self._sent(), metadata=metadata)
        self._thread = threading.Thread(target=self._receive, name="etcd-watch", daemon=True)
        self._thread.start()

    def _sent(self) -> Iterator[Any]:
        while (request := self._requests.get()) is not None:
            yield request

    def _receive(self) -> None:
        try:
            for answer in self._call:
                post(self._loop, self._arrived, answer)
        except grpc.RpcError:
            self.error = self._call.details() or self._call.code().name
        finally:
            post(self._loop, self._end)

    def _arrived(self, answer: Any) -> None:
        self._answers.append(answer)
        self._wake.set()

    def _end(self) -> None:
        self._ended = True
        self._wake.set()

    def write(self, request: Any) -> None:
        """Send; never waits."""
        self._requests.put(request)

    async def read(self) -> Any:
        """The next answer; None at the end, whose reason `error` tells."""
        while not self._answers:
            if self._ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._answers.popleft()

    def cancel(self) -> None:
        """End it; harmless when it has ended."""
        self._requests.put(None)
        self._call.cancel()

    def join(self) -> None:
        """Wait for the thread (from another one)."""
        self._thread.join()


def post(loop: asyncio.AbstractEventLoop, callback: Any, *arguments: Any) -> None:
    """Run on the loop, unless it is gone: then nobody waits any more."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise
