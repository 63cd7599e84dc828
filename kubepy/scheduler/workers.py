"""A fixed number of tasks that do what is handed to them: many requests in flight, but not without end."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import anyio

Job = Callable[[], Awaitable[None]]


class Workers:
    """``number`` jobs at a time, in the order in which they came; at most ``limit`` wait."""

    def __init__(self, number: int, limit: int) -> None:
        self._number = number
        self._limit = limit
        self._jobs: deque[Job] = deque()
        self._idle: deque[anyio.Event] = deque()
        self._room = anyio.Event()

    async def submit(self, job: Job) -> None:
        """Hand a job in; waits while too many do already."""
        while len(self._jobs) >= self._limit:
            self._room = anyio.Event()
            await self._room.wait()
        self._jobs.append(job)
        if self._idle:
            self._idle.popleft().set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with anyio.create_task_group() as group:
            for _ in range(self._number):
                group.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            while not self._jobs:
                turn = anyio.Event()
                self._idle.append(turn)
                await turn.wait()
            job = self._jobs.popleft()
            self._room.set()
            await job()
