"""What goes wrong when a test says so: failing requests, ending watches, nodes and webhooks that are away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from kubepy.apiserver.requests import RequestInfo
from kubepy.apiserver.webhooks.client import WebhookError, url_of
from kubepy.machinery import errors
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GR
from kubepy.machinery.meta import Obj
from kubepy.simnode import Next, Stage, When
from kubepy.testing.trace import Request
from kubepy.util.clock import SystemClock

if TYPE_CHECKING:
    from kubepy.testing.control_plane import ControlPlane


class WebhookCall(Protocol):
    """How the server calls a webhook."""

    def __call__(
        self, client_config: Obj, review: Obj | bytes, *, timeout: float
    ) -> Coroutine[Any, Any, Obj]: ...


WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
UPDATES = frozenset({"update", "patch"})
_FIRST = 1_000_000  # the priority of stages that are faults


@dataclass(eq=False)
class Fault:
    """A rule, in force until it was met `times` times or is removed; `with fault:` removes it at the end.

    `hits` counts what it struck.
    """

    name: str
    verbs: Collection[str]
    resource: str = ""
    object: str = ""
    namespace: str = ""
    subresource: str | None = None
    user: str = ""
    components: bool = False
    skip: int = 0
    times: int | None = None
    error: Callable[[RequestInfo], StatusError] | None = None
    delay: float = 0.0
    hits: int = 0
    undo: Callable[[], None] = field(default=lambda: None, repr=False)

    def remove(self) -> None:
        """No more of it."""
        self.undo()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def strikes(self, request: Request) -> bool:
        """Whether this request is one it is for; counts."""
        if self.times is not None and self.hits >= self.times:
            return False
        if not self._concerns(request):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.hits += 1
        return True

    def _concerns(self, request: Request) -> bool:
        return (
            (not self.verbs or request.verb in self.verbs)
            and self.resource in ("", request.resource, request.resource.partition(".")[0])
            and self.object in ("", request.name)
            and self.namespace in ("", request.namespace)
            and (self.subresource is None or self.subresource == request.subresource)
            and self.user in ("", request.user)
            and (self.components or not request.by_component)
        )


class Faults:
    """The faults of one cluster. May be used from any thread.

    A `resource` is "deployments" or "deployments.apps"; what is not given does not matter. Unless
    `components` is set, kubepy's own controllers, scheduler and nodes are spared.
    """

    def __init__(self, control_plane: ControlPlane) -> None:
        self._plane = control_plane
        self._rules: list[Fault] = []
        self._webhooks: list[tuple[str, Fault]] = []
        self._stages: list[Stage] = []
        self._nodes: set[str] = set()

    # --- requests

    def conflict(self, resource: str, *, nth: int = 1, times: int | None = 1, **where: Any) -> Fault:
        """The n-th update or patch from now on loses a race: 409, and so do the `times - 1` after it.

        `where`: object, namespace, subresource, user, components, verbs.
        """

        def lost(info: RequestInfo) -> StatusError:
            return errors.modified(GR(info.group, info.resource), info.name)

        return self._add(
            Fault(
                "conflict",
                where.pop("verbs", UPDATES),
                resource,
                skip=nth - 1,
                times=times,
                error=lost,
                **where,
            )
        )

    def too_many_requests(
        self, resource: str = "", *, retry_after: int = 1, nth: int = 1, times: int | None = 1, **where: Any
    ) -> Fault:
        """429 with Retry-After."""
        refusal = errors.too_many_requests("Too many requests, please try again later.", retry_after)
        return self._add(
            Fault(
                "429",
                where.pop("verbs", ()),
                resource,
                skip=nth - 1,
                times=times,
                error=lambda _: refusal,
                **where,
            )
        )

    def error(
        self,
        resource: str = "",
        *,
        code: int = 500,
        message: str = "injected by the test",
        nth: int = 1,
        times: int | None = 1,
        **where: Any,
    ) -> Fault:
        """500, or another code, as a Status."""

        def status(info: RequestInfo) -> StatusError:
            made = errors.internal_error(message).status
            return made_error(made, code, message)

        return self._add(
            Fault(
                str(code), where.pop("verbs", ()), resource, skip=nth - 1, times=times, error=status, **where
            )
        )

    def latency(self, seconds: float, resource: str = "", *, times: int | None = None, **where: Any) -> Fault:
        """Open watches end with 410 Expired, and `next_` that are opened after; gives how many were open."""
        return self._add(
            Fault("latency", where.pop("verbs", ()), resource, times=times, delay=seconds, **where)
        )

    # --- watches

    def expire_watches(self, resource: str, *, next_: int = 0, **where: Any) -> int:
        """Open watches end with 410 Expired, and the next `next_` opened; gives how many were open."""

        def gone(info: RequestInfo) -> StatusError:
            return errors.expired("too old resource version: 1 (2)")

        if next_:
            self._add(Fault("410", {"watch"}, resource, times=next_, error=gone, **where))
        return self._watches(Fault("410", {"watch"}, resource, **where), expired=True)

    def drop_watches(self, resource: str = "", **where: Any) -> int:
        """The connections of open watches break, in the midst; gives how many."""
        return self._watches(Fault("dropped", {"watch"}, resource, **where), expired=False)

    def _watches(self, rule: Fault, *, expired: bool) -> int:
        return self._plane.call(lambda: self._plane.dispatcher.end_watches(rule.strikes, expired=expired))

    # --- webhooks

    def webhook_down(self, url: str = "") -> Fault:
        """Webhooks whose URL contains `url` are away (a Service's is https://NAME.NAMESPACE.svc:PORT/PATH)."""
        fault = Fault("webhook down", ())
        entry = (url, fault)
        self._webhooks.append(entry)
        fault.undo = lambda: self._webhooks.remove(entry) if entry in self._webhooks else None
        return fault

    def guard_webhooks(self, call: Callable[..., Awaitable[Obj]]) -> WebhookCall:
        """The server's way to webhooks with the faults in it."""

        async def guarded(client_config: Obj, review: Obj | bytes, *, timeout: float) -> Obj:
            address = url_of(client_config)
            for part, fault in self._webhooks:
                if part in address:
                    fault.hits += 1
                    where = address.partition("://")[2].partition("/")[0]
                    raise WebhookError(f'Post "{address}": dial tcp {where}: connect: connection refused')
            return await call(client_config, review, timeout=timeout)

        return guarded

    # --- nodes and pods

    def fail_node(self, name: str) -> Fault:
        """The node falls silent: no heartbeats, its pods stand still. Removing the fault brings it back."""
        self._plane.call(lambda: self._plane.nodes.fail(name))
        self._nodes.add(name)
        return Fault("node", (), undo=lambda: self.recover_node(name))

    def recover_node(self, name: str) -> None:
        """The node is well again."""
        self._nodes.discard(name)
        self._plane.call(lambda: self._plane.nodes.recover(name))

    def fail_pods(
        self,
        labels: dict[str, str] | None = None,
        *,
        namespace: str = "",
        after: float = 0.0,
        exit_code: int = 1,
        reason: str = "",
        message: str = "",
        restart: bool = False,
        max_restarts: int | None = None,
    ) -> Fault:
        """Pods that are running end `after` seconds (of the cluster's time) with the exit code.

        Without `restart` they are Failed; with it their containers start again, at most `max_restarts` times
        in all.
        """
        if restart:
            next_ = Next(exit_code=exit_code, restart=True, ready=True)
        else:
            next_ = Next(phase="Failed", ready=False, exit_code=exit_code, reason=reason, message=message)
        when = When(
            phases=["Running"],
            labels=labels or {},
            namespaces=[namespace] if namespace else [],
            max_restarts=max_restarts,
        )
        return self.stage(Stage("fault", when, next_, delay=after, priority=_FIRST))

    def hold_pods(self, labels: dict[str, str] | None = None, *, namespace: str = "") -> Fault:
        """Pods stay as they are: those that are Pending are not started, until the fault is removed."""
        when = When(labels=labels or {}, namespaces=[namespace] if namespace else [])
        return self.stage(Stage("held", when, Next(), delay=1e9, priority=_FIRST))

    def stage(self, stage: Stage) -> Fault:
        """Any step in the life of pods (kubepy.simnode.Stage), until the fault is removed."""
        self._stages.append(stage)
        self._plane.call(lambda: self._plane.nodes.add_stage(stage))
        return Fault("stage", (), undo=lambda: self._remove_stage(stage))

    def _remove_stage(self, stage: Stage) -> None:
        if stage in self._stages:
            self._stages.remove(stage)
            self._plane.call(lambda: self._plane.nodes.remove_stage(stage))

    # --- all of them

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self._rules.clear()
        self._webhooks.clear()
        for stage in list(self._stages):
            self._remove_stage(stage)
        for name in list(self._nodes):
            self.recover_node(name)

    async def strike(self, request: Request, info: RequestInfo) -> None:
        """What befalls a request; raises StatusError."""
        for rule in list(self._rules):
            if not rule.strikes(request):
                continue
            request.fault = rule.name
            if rule.delay:
                await SystemClock().sleep(rule.delay)
            if rule.error is not None:
                raise rule.error(info)

    def _add(self, fault: Fault) -> Fault:
        self._rules.append(fault)
        fault.undo = lambda: self._rules.remove(fault) if fault in self._rules else None
        return fault


_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def made_error(status: Obj, code: int, message: str) -> StatusError:
    """The Status with another code."""
    if code == 500:
        return StatusError(status)
    reason = _REASONS.get(code, "Unknown")
    return StatusError({**status, "code": code, "reason": reason, "message": message, "details": {}})
