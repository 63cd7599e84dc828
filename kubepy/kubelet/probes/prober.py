"""One probe: a command in the container, an HTTP request or a TCP connection to it."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import aiohttp

from kubepy.cri import CRIError, RuntimeService
from kubepy.kubelet.environment import expand_all
from kubepy.machinery.meta import Obj

Outcome = Literal["success", "failure", "unknown"]
MAX_BODY = 10 << 10
USER_AGENT = "kube-probe/1.36"


@dataclass(frozen=True)
class ProbeResult:
    """`output` is what an event tells."""

    outcome: Outcome
    output: str = ""


class Prober:
    """Runs single probes; what goes wrong with the probe itself is "unknown"."""

    def __init__(self, runtime: RuntimeService) -> None:
        self._runtime = runtime

    async def probe(self, spec: Obj, container: Obj, container_id: str, pod_ip: str) -> ProbeResult:
        timeout = float(spec.get("timeoutSeconds") or 1)
        if action := spec.get("exec"):
            return await self._exec(action, container_id, timeout)
        if action := spec.get("httpGet"):
            return await http_get(action, container, pod_ip, timeout)
        if action := spec.get("tcpSocket"):
            return await tcp_socket(action, container, pod_ip, timeout)
        return ProbeResult("unknown", f"missing probe handler for container {container['name']}")

    async def _exec(self, action: Obj, container_id: str, timeout: float) -> ProbeResult:
        command = expand_all(action.get("command"), {})
        try:
            result = await self._runtime.exec_sync(container_id, command, timeout)
        except TimeoutError as error:
            return ProbeResult("failure", str(error))
        except CRIError as error:
            return ProbeResult("unknown", str(error))
        output = (result.stdout + result.stderr)[:MAX_BODY].decode("utf-8", "replace")
        return ProbeResult("success" if result.exit_code == 0 else "failure", output)


async def http_get(action: Obj, container: Obj, pod_ip: str, timeout: float) -> ProbeResult:
    """200 to 399 is success; redirects are followed on the same host only."""
    try:
        port = resolve_port(action.get("port"), container)
    except ValueError as error:
        return ProbeResult("unknown", str(error))
    host = action.get("host") or pod_ip
    scheme = (action.get("scheme") or "HTTP").lower()
    path = action.get("path") or "/"
    url = f"{scheme}://{_bracketed(host)}:{port}{path if path.startswith('/') else '/' + path}"
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
    for header in action.get("httpHeaders") or ():
        headers[header["name"]] = header.get("value") or ""
    limit = aiohttp.ClientTimeout(total=timeout)
    connector = aiohttp.TCPConnector(ssl=False, force_close=True)
    try:
        async with aiohttp.ClientSession(timeout=limit, connector=connector) as session:
            for _ in range(10):
                async with session.get(url, headers=headers, allow_redirects=False) as response:
                    body = (await response.content.read(MAX_BODY)).decode("utf-8", "replace")
                    target = response.headers.get("Location") if 300 <= response.status < 400 else None
                    if target is None:
                        break
                    following = str(response.url.join(type(response.url)(target)))
                if urlsplit(following).hostname != urlsplit(url).hostname:
                    return ProbeResult("success", f"Probe terminated redirects, Response body: {body}")
                url = following
    except TimeoutError:
        return ProbeResult(
            "failure",
            f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        )
    except aiohttp.ClientConnectorError as error:
        return ProbeResult("failure", f'Get "{url}": {_dial_error(host, port, error.os_error)}')
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return ProbeResult("failure", f'Get "{url}": {error or type(error).__name__}')
    if 200 <= response.status < 400:
        return ProbeResult("success", body)
    return ProbeResult("failure", f"HTTP probe failed with statuscode: {response.status}")


async def tcp_socket(action: Obj, container: Obj, pod_ip: str, timeout: float) -> ProbeResult:
    try:
        port = resolve_port(action.get("port"), container)
    except ValueError as error:
        return ProbeResult("unknown", str(error))
    host = action.get("host") or pod_ip
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except TimeoutError:
        return ProbeResult("failure", f"dial tcp {_bracketed(host)}:{port}: i/o timeout")
    except OSError as error:
        return ProbeResult("failure", _dial_error(host, port, error))
    return ProbeResult("success")


def resolve_port(port: int | str | None, container: Obj) -> int:
    """The number of a port given by number or name. Raises ValueError."""
    number = port
    if isinstance(port, str):
        named = (p for p in container.get("ports") or () if p.get("name") == port)
        found = next(named, None)
        if found is not None:
            number = found["containerPort"]
        elif port.isdigit():
            number = int(port)
        else:
            raise ValueError(f"couldn't find port: {port} in container {container['name']}")
    if not isinstance(number, int) or not 0 < number < 65536:
        raise ValueError(f"invalid port number: {port}")
    return number


def _dial_error(host: str, port: int, error: OSError) -> str:
    """As Go words it."""
    number = error.errno
    text = os.strerror(number).lower() if number else str(error).lower()
    prefix = "" if number == errno.ETIMEDOUT else "connect: "
    return f"dial tcp {_bracketed(host)}:{port}: {prefix}{text}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
