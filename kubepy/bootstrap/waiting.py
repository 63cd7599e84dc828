"""Waiting for a cluster, with a sentence for when it does not come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubepy.api.resources import NODES
from kubepy.bootstrap.errors import BootstrapError
from kubepy.client import Client, ConnectionFailed
from kubepy.machinery import conditions
from kubepy.machinery.errors import StatusError
from kubepy.util.clock import Clock

WITHIN = 180.0
NOT_READY_YET = frozenset((401, 403, 404, 429, 500, 503, 504))


async def retried(call: Callable[[], Awaitable[object]], clock: Clock, within: float = WITHIN) -> None:
    """Until a control plane that has just started takes it. Raises BootstrapError."""
    deadline = clock.monotonic() + within
    while True:
        try:
            await call()
        except (StatusError, ConnectionFailed, TimeoutError) as error:
            final = isinstance(error, StatusError) and error.code not in NOT_READY_YET
            if final or clock.monotonic() > deadline:
                raise BootstrapError(
                    f"the API server does not do what it should: {error}; see journalctl -u kubepy-apiserver"
                ) from error
            await clock.sleep(0.25)
        else:
            return


async def node_ready(client: Client, node_name: str, clock: Clock, within: float = WITHIN) -> None:
    """Until the node is Ready. Raises BootstrapError."""
    deadline = clock.monotonic() + within
    reason = "it is not registered"
    while True:
        try:
            node = await client.get(NODES, node_name)
        except (StatusError, ConnectionFailed, TimeoutError) as error:
            reason = str(error)
        else:
            if conditions.is_true(node, "Ready"):
                return
            reason = (conditions.get(node, "Ready") or {}).get("message") or "it has not said so yet"
        if clock.monotonic() > deadline:
            raise BootstrapError(
                f"node {node_name} is not Ready after {within:.0f} s: {reason}; see journalctl -u "
                "kubepy-kubelet and -u containerd"
            )
        await clock.sleep(0.25)
