"""Service account tokens for pods, asked for by TokenRequest and renewed before they end."""

from __future__ import annotations

import random
from dataclasses import dataclass

from kubepy.api import resources as r
from kubepy.client import Client
from kubepy.machinery import meta, timestamps
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

RENEW_AT = 0.8  # of a token's life
RENEW_AGE = 24 * 3600.0  # a long-lived token is renewed daily
JITTER = 10.0


@dataclass(frozen=True)
class _Token:
    value: str
    renew_at: float


class TokenManager:
    """Tokens by pod, audience and lifetime. Raises StatusError and ConnectionFailed when none can be had."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._tokens: dict[tuple[str, str, int], _Token] = {}

    async def token(self, pod: Obj, audience: str, seconds: int) -> str:
        key = (meta.uid(pod), audience, seconds)
        known = self._tokens.get(key)
        if known is not None and self._clock.time() < known.renew_at:
            return known.value
        account = (pod.get("spec") or {}).get("serviceAccountName") or "default"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [audience] if audience else [],
                "expirationSeconds": seconds,
                "boundObjectRef": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": meta.name(pod),
                    "uid": meta.uid(pod),
                },
            },
        }
        answer = await self._client.create(
            r.SERVICE_ACCOUNTS, request, namespace=meta.namespace(pod), name=account, subresource="token"
        )
        status = answer["status"]
        life = timestamps.parse(status["expirationTimestamp"]).timestamp() - self._clock.time()
        wait = min(life * RENEW_AT, RENEW_AGE) - random.random() * JITTER
        self._tokens[key] = _Token(status["token"], self._clock.time() + wait)
        return str(status["token"])

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        for key in [k for k in self._tokens if k[0] == uid]:
            del self._tokens[key]
