"""The service manager's readiness protocol (sd_notify(3)): say when a component serves, ends, or still lives.

Outside a service manager ($NOTIFY_SOCKET unset) all of this does nothing.
"""

import os
import socket

from kubepy.util.clock import Clock


def notify(state: str) -> bool:
    """Send `state` ("READY=1", ...) to the service manager; False when there is none.

    Raises OSError when the socket that the service manager named does not take it.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # a socket in Linux's abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect(address)
        sock.sendall(state.encode())
    return True


def notify_ready() -> bool:
    """The component serves now."""
    return notify("READY=1")


def notify_stopping() -> bool:
    """The component is about to end."""
    return notify("STOPPING=1")


def watchdog_interval() -> float | None:
    """Seconds between two signs of life that the service manager asks of this process, or None."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    process = os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or int(microseconds) == 0 or (process and process != str(os.getpid())):
        return None
    # Half the limit, as sd_watchdog_enabled(3) recommends.
    return int(microseconds) / 1_000_000 / 2


async def watchdog(clock: Clock) -> None:
    """Send signs of life as often as asked; returns at once when nobody asks.

    Before the component is ready the watchdog does not watch, but a limit to its start does: each sign puts
    that off as well. So who waits for another machine may wait for ever, and who hangs is started anew.
    """
    interval = watchdog_interval()
    while interval is not None:
        notify(f"WATCHDOG=1\nEXTEND_TIMEOUT_USEC={round(interval * 2_000_000)}")
        await clock.sleep(interval)
