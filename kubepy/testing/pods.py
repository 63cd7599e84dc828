"""What simulated pods say: the logs that a test gives them. More cannot be asked of what does not run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from kubepy.apiserver.handlers import responses
from kubepy.apiserver.handlers.connect import container_of
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors, timestamps
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.util.clock import SystemClock

if TYPE_CHECKING:
    from kubepy.testing.control_plane import ControlPlane

_POLL = 0.02
_NOTHING_RUNS = ("exec", "attach", "portforward")


class Pods:
    """The logs of a cluster's pods."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        # (namespace, pod, container; "" for whichever is asked for) -> (cluster time, line)
        self._logs: dict[tuple[str, str, str], list[tuple[float, str]]] = {}

    def log(self, name: str, text: str, *, namespace: str = "default", container: str = "") -> None:
        """Let the pod have written `text`, lines, now. Without `container` each of its containers has."""
        now = self._plane.clock.time()
        lines = [(now, line) for line in text.splitlines()]
        self._plane.call(lambda: self._logs.setdefault((namespace, name, container), []).extend(lines))

    def clear(self) -> None:
        """Nobody has written anything."""
        self._logs.clear()

    def attach_to(self, served: Served) -> None:
        """Answer for the kubelet of the simulated nodes, after the API server has let the request in."""
        served.handlers["log"] = self._show
        for verb in _NOTHING_RUNS:
            served.handlers[verb] = _refuse(verb)

    def _lines(self, namespace: str, name: str, container: str) -> list[tuple[float, str]]:
        both = (self._logs.get((namespace, name, each), []) for each in ("", container))
        return sorted((line for lines in both for line in lines), key=lambda line: line[0])

    async def _show(
        self, request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        where, name, query = context.info.namespace, context.info.name, context.query
        pod = (await served.store.get(where, name)).obj
        container = container_of(pod, query.get("container"))
        if query.flag("previous"):
            raise errors.bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        lines = self._lines(where, name, container)
        if not lines:
            raise errors.bad_request(
                f'container "{container}" in pod "{name}" is simulated and has written no log: '
                "a test sets one with cluster.pods.log(name, text)"
            )
        seen = len(lines)
        if (seconds := query.number("sinceSeconds")) is not None:
            oldest = self._plane.clock.time() - seconds
            lines = [line for line in lines if line[0] >= oldest]
        if (tail := query.number("tailLines")) is not None:
            lines = lines[max(0, len(lines) - tail) :]
        data = _encoded(lines, stamped=query.flag("timestamps"))
        if (limit := query.number("limitBytes")) is not None:
            data = data[:limit]
        response = web.StreamResponse(headers=responses.headers(context, "text/plain"))
        response.enable_chunked_encoding()
        writer: Any = await response.prepare(request)
        context.response_started(200)
        writer.send_headers()
        await response.write(data)
        while query.flag("follow") and await self._runs(served, pod):
            await SystemClock().sleep(_POLL)
            more = self._lines(where, name, container)[seen:]
            if more:
                seen += len(more)
                await response.write(_encoded(more, stamped=query.flag("timestamps")))
        return response

    async def _runs(self, served: Served, pod: Obj) -> bool:
        metadata = pod["metadata"]
        try:
            now = (await served.store.get(metadata["namespace"], metadata["name"])).obj
        except StatusError as error:
            if errors.is_not_found(error):
                return False
            raise
        ended = (now.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        return bool(now["metadata"]["uid"] == metadata["uid"] and not ended)


def _encoded(lines: list[tuple[float, str]], *, stamped: bool) -> bytes:
    return "".join(
        f"{timestamps.rfc3339_micro(time)} {line}\n" if stamped else f"{line}\n" for time, line in lines
    ).encode()


def _refuse(verb: str) -> Callable[..., Awaitable[web.StreamResponse]]:
    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        await served.store.get(context.info.namespace, context.info.name)
        name = context.info.name
        raise errors.bad_request(f'pod "{name}" is simulated: nothing runs in it that {verb} could reach')

    return handle
