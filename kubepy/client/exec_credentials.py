"""Credential plugins: a kubeconfig's user whose token a command prints (client.authentication.k8s.io)."""

import os
from datetime import datetime
from typing import Any

import anyio
import orjson

from kubepy.client.kubeconfig import KubeconfigError
from kubepy.machinery import timestamps
from kubepy.util.clock import Clock

EARLY = 10.0
WITHIN = 60.0


class ExecCredentials:
    """The token of one user, asked for anew shortly before it ends, or after `forget`."""

    def __init__(self, plugin: dict[str, Any], clock: Clock) -> None:
        self._plugin = plugin
        self._clock = clock
        self._token = ""
        self._ends: datetime | None = None
        self._turn = anyio.Lock()

    async def token(self) -> str:
        """Raises KubeconfigError when the command gives none."""
        async with self._turn:
            if not self._token or self._is_over():
                await self._ask()
            return self._token

    def forget(self) -> None:
        """The server did not take it."""
        self._token = ""

    def _is_over(self) -> bool:
        return self._ends is not None and self._clock.time() >= self._ends.timestamp() - EARLY

    async def _ask(self) -> None:
        command = self._plugin.get("command") or ""
        version = self._plugin.get("apiVersion") or "client.authentication.k8s.io/v1"
        request = {"kind": "ExecCredential", "apiVersion": version, "spec": {"interactive": False}}
        given = {item["name"]: item["value"] for item in self._plugin.get("env") or []}
        environment = os.environ | given | {"KUBERNETES_EXEC_INFO": orjson.dumps(request).decode()}
        try:
            with anyio.fail_after(WITHIN):
                done = await anyio.run_process(
                    [command, *(self._plugin.get("args") or [])], env=environment, check=False
                )
        except (OSError, TimeoutError) as error:
            hint = self._plugin.get("installHint") or ""
            raise KubeconfigError(f"exec: {command}: {error or 'timed out'}. {hint}".strip()) from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-500:]
            raise KubeconfigError(f"exec: {command} failed with exit code {done.returncode}: {said}")
        try:
            status = orjson.loads(done.stdout)["status"]
            token, ends = status.get("token"), status.get("expirationTimestamp")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise KubeconfigError(f"exec: {command} printed no ExecCredential") from error
        if not token:
            raise KubeconfigError(f"exec: {command} gave no token (client certificates are not supported)")
        self._token = token
        self._ends = timestamps.parse(ends) if ends else None
