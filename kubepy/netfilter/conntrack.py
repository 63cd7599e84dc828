"""Forgetting UDP connections whose endpoint is gone: the kernel would go on sending there."""

from __future__ import annotations

import subprocess

import anyio

from kubepy.util.logging import get_logger

log = get_logger(__name__)

NOTHING_DELETED = 1  # conntrack(8) exits with 1 when no entry matched


async def forget_udp(service_address: str, endpoint_address: str) -> None:
    """Delete the entries of clients of ``service_address`` that were sent to ``endpoint_address``."""
    await _delete("--orig-dst", service_address, "--dst-nat", endpoint_address)


async def forget_udp_node_port(port: int, endpoint_address: str) -> None:
    """The same for a NodePort, whose clients came to any address of the node."""
    await _delete("--orig-port-dst", str(port), "--dst-nat", endpoint_address)


async def forget_unanswered_udp(service_address: str, port: int) -> None:
    """Delete entries made while the service had no endpoint: they would keep leading nowhere."""
    await _delete("--orig-dst", service_address, "--orig-port-dst", str(port))


async def _delete(*selection: str) -> None:
    command = ["conntrack", "-D", "-p", "udp", *selection]
    try:
        done = await anyio.run_process(command, check=False, stderr=subprocess.PIPE)
    except FileNotFoundError:
        log.warning("no conntrack program: stale UDP connections stay until they time out")
        return
    if done.returncode not in (0, NOTHING_DELETED):
        log.warning("conntrack failed", command=command, error=done.stderr.decode(errors="replace").strip())
