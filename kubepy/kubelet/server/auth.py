"""Who may use the kubelet's server: client certificates and tokens, decided upon by the API server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubepy.api import resources as r
from kubepy.client import Client
from kubepy.client.access import REMEMBERED, AccessReviews, UserInfo
from kubepy.util.clock import Clock

ALLOWED_FOR = 300.0
DENIED_FOR = 30.0
TOKEN_FOR = 120.0
MASTERS = "system:masters"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
FINE_GRAINED = {
    "/healthz": "healthz",
    "/metrics": "metrics",
    "/stats": "stats",
    "/logs": "log",
    "/spec": "spec",
    "/configz": "configz",
    "/pods": "pods",
    "/runningpods": "pods",
}


def certificate_user(peer: Mapping[str, Any] | None) -> UserInfo | None:
    """The holder of a verified client certificate: common name and organizations."""
    if not peer:
        return None
    fields = [pair for part in peer.get("subject", ()) for pair in part]
    name = next((value for key, value in fields if key == "commonName"), "")
    groups = tuple(value for key, value in fields if key == "organizationName")
    return UserInfo(name, (*groups, "system:authenticated")) if name else None


class NodeAuth:
    """Asks TokenReview and SubjectAccessReview, and remembers the answers for a while."""

    def __init__(self, client: Client, clock: Clock, node_name: str) -> None:
        self._client = client
        self._clock = clock
        self._node_name = node_name
        self._reviews = AccessReviews(client, clock, allowed_for=ALLOWED_FOR, denied_for=DENIED_FOR)
        self._tokens: dict[str, tuple[float, UserInfo | None]] = {}

    async def authenticate(self, peer: Mapping[str, Any] | None, authorization: str) -> UserInfo | None:
        """The caller, None when nobody knows them. Raises StatusError and ConnectionFailed."""
        caller = certificate_user(peer)
        scheme, _, token = authorization.partition(" ")
        if caller is not None or scheme.lower() != "bearer" or not token:
            return caller
        known = self._tokens.get(token)
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token},
        }
        status = (await self._client.create(r.TOKEN_REVIEWS, review)).get("status") or {}
        if status.get("authenticated"):
            user = status.get("user") or {}
            groups = tuple(user.get("groups") or ())
            extra = user.get("extra") or {}
            caller = UserInfo(user.get("username") or "", groups, user.get("uid") or "", extra)
        if len(self._tokens) >= REMEMBERED:
            self._tokens.clear()
        self._tokens[token] = (self._clock.monotonic() + TOKEN_FOR, caller)
        return caller

    async def authorize(self, caller: UserInfo, method: str, path: str) -> bool:
        """Whether the caller may. Raises StatusError and ConnectionFailed."""
        if MASTERS in caller.groups:
            return True  # as the API server itself has it, also when it is away
        subresource = next((s for prefix, s in FINE_GRAINED.items() if _below(path, prefix)), "proxy")
        verb = VERBS.get(method, "get")
        for wanted in dict.fromkeys((subresource, "proxy")):
            attributes = {
                "verb": verb,
                "version": "v1",
                "resource": "nodes",
                "subresource": wanted,
                "name": self._node_name,
            }
            if await self._reviews.allows(caller, attributes):
                return True
        return False


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")
