"""Credential plugins: a kubeconfig's user whose token or certificate a command prints
(client.authentication.k8s.io)."""

import os
from datetime import datetime
from typing import Any, NamedTuple

import anyio
import orjson

from kubepy.client.kubeconfig import KubeconfigError
from kubepy.machinery import timestamps
from kubepy.util.clock import Clock

EARLY = 10.0
WITHIN = 60.0


class Credential(NamedTuple):
    """Who somebody is: a bearer token, a client certificate with its key (PEM), or both."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = b""


class ExecCredentials:
    """The credential of one user, asked for anew shortly before it ends, or after `forget`."""

    def __init__(self, plugin: dict[str, Any], clock: Clock) -> None:
        self._plugin = plugin
        self._clock = clock
        self._credential: Credential | None = None
        self._ends: datetime | None = None
        self._turn = anyio.Lock()

    async def get(self) -> Credential:
        """Raises KubeconfigError when the command gives none."""
        if self._credential is not None and not self._is_over():
            return self._credential
        async with self._turn:
            if self._credential is None or self._is_over():
                self._credential = await self._ask()
            return self._credential

    def forget(self) -> None:
        """The server did not take it."""
        self._credential = None

    def _is_over(self) -> bool:
        return self._ends is not None and self._clock.time() >= self._ends.timestamp() - EARLY

    async def _ask(self) -> Credential:
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
            credential = Credential(
                status.get("token") or "",
                (status.get("clientCertificateData") or "").encode(),
                (status.get("clientKeyData") or "").encode(),
            )
            ends = status.get("expirationTimestamp")
            self._ends = timestamps.parse(ends) if ends else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KubeconfigError(f"exec: {command} printed no ExecCredential") from error
        if bool(credential.certificate) != bool(credential.key):
            raise KubeconfigError(f"exec: {command} gave a client certificate or a key, but not both")
        if not credential.token and not credential.certificate:
            raise KubeconfigError(f"exec: {command} gave neither a token nor a client certificate")
        return credential
