"""postStart and preStop."""

from __future__ import annotations

from kubepy.cri import CRIError, RuntimeService
from kubepy.kubelet.probes.prober import http_get
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

HTTP_TIMEOUT = 30.0


class HookFailed(Exception):
    """The hook ended badly; the message says how."""


async def run_hook(
    runtime: RuntimeService, clock: Clock, handler: Obj, container: Obj, container_id: str, pod_ip: str
) -> None:
    """Run one handler to its end. Raises HookFailed."""
    if action := handler.get("exec"):
        command = action.get("command") or []
        try:
            result = await runtime.exec_sync(container_id, command, 0)
        except CRIError as error:
            raise HookFailed(str(error)) from error
        if result.exit_code != 0:
            output = (result.stdout + result.stderr).decode("utf-8", "replace")
            raise HookFailed(f"command '{' '.join(command)}' exited with {result.exit_code}: {output}")
    elif action := handler.get("httpGet"):
        answer = await http_get(action, container, pod_ip, HTTP_TIMEOUT)
        if answer.outcome != "success":
            raise HookFailed(answer.output)
    elif action := handler.get("sleep"):
        await clock.sleep(float(action.get("seconds") or 0))
