"""Begins the event of each request that the policy wants to know of."""

from __future__ import annotations

from typing import Any

from kubepy.apiserver.audit.event import AuditEvent
from kubepy.apiserver.audit.log import AuditLog
from kubepy.apiserver.audit.policy import Policy
from kubepy.apiserver.config import APIServerConfig
from kubepy.apiserver.requests import Context
from kubepy.util.clock import Clock


class Auditor:
    """A policy and a log."""

    def __init__(self, policy: Policy, log: AuditLog, clock: Clock) -> None:
        self._policy = policy
        self._log = log
        self._clock = clock

    @classmethod
    def of(cls, config: APIServerConfig, clock: Clock) -> Auditor | None:
        """As configured; None when there is no policy file or no log."""
        if config.audit_policy_file is None or not config.audit_log_path:
            return None
        log = AuditLog(
            config.audit_log_path,
            clock,
            max_size=config.audit_log_maxsize,
            max_backups=config.audit_log_maxbackup,
            max_age=config.audit_log_maxage,
        )
        return cls(Policy.load(config.audit_policy_file), log, clock)

    async def run(self) -> None:
        """Write until cancelled."""
        await self._log.run()

    def begin(self, context: Context, request: Any) -> AuditEvent | None:
        """The event of a request, at its first stage; None when nothing is to be written about it."""
        event = self._event(context, request)
        if event is not None:
            context.annotations = event.annotations
            context.audit = event
            event.received()
        return event

    def refused(self, context: Context, request: Any) -> None:
        """A request of somebody unknown: there is no user, and one event only."""
        event = self._event(context, request)
        if event is not None:
            attempted = "bearer" if request.headers.get("Authorization") else "anonymous"
            event.unauthenticated(f"Authentication failed, attempted: {attempted}")

    def _event(self, context: Context, request: Any) -> AuditEvent | None:
        decision = self._policy.decide(context.info, context.user)
        if decision.level == 0:
            return None
        forwarded = request.headers.get("X-Forwarded-For", "")
        addresses = [part.strip() for part in forwarded.split(",") if part.strip()]
        if request.remote and request.remote not in addresses:
            addresses.append(request.remote)
        return AuditEvent(
            context, decision, self._clock, self._log.write, uri=request.raw_path, addresses=addresses
        )
