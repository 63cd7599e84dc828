"""What was asked of the API server and what it wrote, as it happened."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kubepy.apiserver.cacher import keys
from kubepy.apiserver.requests import Context
from kubepy.storage.memory import MemoryBackend
from kubepy.util.clock import Clock

COMPONENTS = (
    "system:kube-",
    "system:node:simulated",
    "system:serviceaccount:kube-system:",
    "system:apiserver",
)
"""What the names of kubepy's own users begin with."""

CURRENT: ContextVar[Request | None] = ContextVar("request", default=None)
"""The request that the running task answers."""


@dataclass(slots=True)
class Write:
    """One revision of the storage."""

    operation: str  # create, update or delete
    key: str
    revision: int


@dataclass(slots=True)
class Request:
    """One request. `time` is the cluster's (seconds since the epoch), `milliseconds` the machine's.

    `code` 0: still under way. A watch stays so until it ends.
    """

    time: float
    user: str
    agent: str
    verb: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    code: int = 0
    milliseconds: float = 0.0
    fault: str = ""
    writes: list[Write] = field(default_factory=list)

    @property
    def by_component(self) -> bool:
        """Whether kubepy's own controllers, scheduler or nodes asked."""
        return self.user.startswith(COMPONENTS)

    @property
    def target(self) -> str:
        """ "namespace/name/subresource", as far as there is one."""
        return "/".join(part for part in (self.namespace, self.name, self.subresource) if part)


class Trace:
    """The last `size` requests, oldest first; iterable."""

    def __init__(self, size: int) -> None:
        self._requests: deque[Request] = deque(maxlen=size)

    def __iter__(self) -> Iterator[Request]:
        return iter(list(self._requests))

    def __len__(self) -> int:
        return len(self._requests)

    def begin(self, context: Context, now: float) -> Request:
        """A request has come in."""
        info = context.info
        resource = f"{info.resource}.{info.group}" if info.group else info.resource
        agent = context.headers.get("User-Agent", "")
        request = Request(
            time=now,
            user=context.user.name,
            agent=agent,
            verb=info.verb,
            resource=resource or info.path,
            namespace=info.namespace,
            name=info.name,
            subresource=info.subresource,
        )
        self._requests.append(request)
        return request

    def clear(self) -> None:
        """Forget what was recorded."""
        self._requests.clear()

    def select(
        self, *, verb: str = "", resource: str = "", components: bool = True, writes: bool = False
    ) -> list[Request]:
        """The requests with this verb and resource ("deployments.apps", or its first part).

        Without `components` those of kubepy's own components are left out; `writes`: only what was written.
        """
        return [
            request
            for request in self
            if (not verb or request.verb == verb)
            and (not resource or resource in (request.resource, request.resource.partition(".")[0]))
            and (components or not request.by_component)
            and (request.writes or not writes)
        ]

    def table(self, requests: list[Request] | None = None) -> str:
        """As a table: when (seconds since the first), who, what, the answer, how long, which revisions."""
        chosen = list(self) if requests is None else requests
        rows: list[tuple[str, ...]] = [("TIME", "USER", "VERB", "RESOURCE", "OBJECT", "CODE", "MS", "WRITES")]
        rows += [_row(request, chosen[0].time) for request in chosen]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)

    def save(self, path: str | Path) -> None:
        """As JSON, one request a line."""
        with Path(path).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(request)) + "\n" for request in self)


def _row(request: Request, start: float) -> tuple[str, ...]:
    writes = " ".join(f"{write.operation}@{write.revision}" for write in request.writes)
    return (
        f"{request.time - start:.3f}",
        request.user,
        request.verb,
        request.resource,
        request.target,
        f"{request.code or '...'}{' ' + request.fault if request.fault else ''}",
        f"{request.milliseconds:.1f}",
        writes,
    )


class RecordingBackend(MemoryBackend):
    """A storage in memory that tells of each write, in the context of the request that made it, and how many
    there were to each resource (by the prefix of its keys)."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.written: Counter[str] = Counter()

    def _append(self, key: str, value: bytes, create_revision: int, *, deleted: bool) -> int:
        revision = super()._append(key, value, create_revision, deleted=deleted)
        self.written[keys.split(key)[0]] += 1
        request = CURRENT.get()
        if request is not None:
            operation = "delete" if deleted else "update" if create_revision else "create"
            request.writes.append(Write(operation, key, revision))
        return revision
