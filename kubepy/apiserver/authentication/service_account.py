"""Service account tokens: made by TokenRequest, verified by signature and by what they are bound to.

A token is good as long as its ServiceAccount, and the Pod, Secret or Node it is bound to, are there with the
uid they had.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from kubepy.api import resources as r
from kubepy.apiserver.authentication import jwt
from kubepy.apiserver.authentication.user import SERVICE_ACCOUNT_PREFIX, User, service_account_user
from kubepy.apiserver.cacher import Entry
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse
from kubepy.util.clock import Clock

_LEGACY_ISSUER = "kubernetes/serviceaccount"
_LEGACY = "kubernetes.io/serviceaccount/"
_POD_LEEWAY = 60.0
_MEMO = 10_000
_EXTRA = "authentication.kubernetes.io/"
Lookup = Callable[[GVR, str, str], Entry | None]


class ServiceAccountTokens:
    """Signs and authenticates."""

    def __init__(
        self,
        lookup: Lookup,
        clock: Clock,
        *,
        issuer: str,
        audiences: Sequence[str],
        signing_key: jwt.PrivateKey | None,
        verification_keys: Sequence[jwt.PublicKey],
    ) -> None:
        self._lookup = lookup
        self._clock = clock
        self.issuer = issuer
        self.audiences = list(audiences)
        self._signing_key = signing_key
        known = [*verification_keys, *([signing_key.public_key()] if signing_key else [])]
        self._keys = {jwt.key_id(key): key for key in known}
        self._verified: dict[str, dict[str, Any]] = {}  # signatures checked before: they stay good

    @property
    def can_sign(self) -> bool:
        """False when no signing key is configured."""
        return self._signing_key is not None

    def issue(
        self,
        account: Obj,
        audiences: Sequence[str],
        seconds: int,
        bound: tuple[str, Obj] | None,
        node: Obj | None,
    ) -> tuple[str, float]:
        """A token of the account and when it expires. `bound` is ("pod" | "secret" | "node", object)."""
        if self._signing_key is None:
            raise ValueError("no service account signing key is configured")
        now = int(self._clock.time())
        metadata = account["metadata"]
        private: dict[str, Any] = {
            "namespace": metadata["namespace"],
            "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
        }
        for kind, obj in filter(None, (bound, ("node", node) if node else None)):
            private[kind] = {"name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"]}
        claims = {
            "aud": list(audiences) or self.audiences,
            "exp": now + seconds,
            "iat": now,
            "iss": self.issuer,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": private,
            "nbf": now,
            "sub": f"{SERVICE_ACCOUNT_PREFIX}{metadata['namespace']}:{metadata['name']}",
        }
        return jwt.sign(claims, self._signing_key), float(now + seconds)

    async def authenticate_token(self, token: str) -> User | None:
        """The service account of a token meant for the API server."""
        found = self.review(token, self.audiences)
        return found[0] if found else None

    def review(self, token: str, audiences: Sequence[str]) -> tuple[User, list[str]] | None:
        """The user and which of the audiences the token is meant for; None when it is not good."""
        claims = self._claims(token)
        if claims is None:
            return None
        if claims.get("iss") == _LEGACY_ISSUER:
            user = self._legacy_user(claims, token)
            meant = [a for a in audiences if a in self.audiences]
        else:
            user = self._user(claims)
            own = claims.get("aud")
            meant = [a for a in audiences if a in ([own] if isinstance(own, str) else own or [])]
        return (user, meant) if user is not None and meant else None

    def _claims(self, token: str) -> dict[str, Any] | None:
        claims = self._verified.get(token)
        if claims is None:
            try:
                claims = jwt.verify(token, self._keys)
            except jwt.InvalidToken:
                return None
            if claims.get("iss") not in (self.issuer, _LEGACY_ISSUER):
                return None
            if len(self._verified) >= _MEMO:
                self._verified.clear()
            self._verified[token] = claims
        now = self._clock.time()
        if claims["iss"] == self.issuer and not claims.get("nbf", 0) <= now < claims.get("exp", 0):
            return None
        return claims

    def _user(self, claims: dict[str, Any]) -> User | None:
        private = claims.get("kubernetes.io") or {}
        namespace, account = private.get("namespace", ""), private.get("serviceaccount") or {}
        if not self._alive(r.SERVICE_ACCOUNTS, namespace, account):
            return None
        extra = {f"{_EXTRA}credential-id": [f"JTI={claims.get('jti', '')}"]}
        for kind, gvr, where in (
            ("pod", r.PODS, namespace),
            ("secret", r.SECRETS, namespace),
            ("node", r.NODES, ""),
        ):
            reference = private.get(kind)
            if not reference:
                continue
            bound_to_it = kind != "node" or "pod" not in private
            if bound_to_it and not self._alive(gvr, where, reference):
                return None
            if kind != "secret":
                extra[f"{_EXTRA}{kind}-name"] = [reference["name"]]
                extra[f"{_EXTRA}{kind}-uid"] = [reference["uid"]]
        return service_account_user(namespace, account["name"], account["uid"], extra)

    def _alive(self, gvr: GVR, namespace: str, reference: dict[str, Any]) -> bool:
        entry = self._lookup(gvr, namespace, reference.get("name", ""))
        if entry is None or entry.obj["metadata"].get("uid") != reference.get("uid"):
            return False
        deleted = entry.obj["metadata"].get("deletionTimestamp")
        return not deleted or parse(deleted).timestamp() + _POD_LEEWAY > self._clock.time()

    def _legacy_user(self, claims: dict[str, Any], token: str) -> User | None:
        namespace = claims.get(f"{_LEGACY}namespace", "")
        account = {
            "name": claims.get(f"{_LEGACY}service-account.name", ""),
            "uid": claims.get(f"{_LEGACY}service-account.uid", ""),
        }
        secret = self._lookup(r.SECRETS, namespace, claims.get(f"{_LEGACY}secret.name", ""))
        if secret is None or not self._alive(r.SERVICE_ACCOUNTS, namespace, account):
            return None
        stored = (secret.obj.get("data") or {}).get("token", "")
        try:
            if jwt.unb64(stored.replace("+", "-").replace("/", "_").rstrip("=")) != token.encode():
                return None
        except jwt.InvalidToken:
            return None
        return service_account_user(namespace, account["name"], account["uid"], {})

    def jwks(self) -> dict[str, Any]:
        """The public keys, for those who verify tokens themselves."""
        return {"keys": [jwt.jwk(key) for key in self._keys.values()]}

    def openid_configuration(self, address: str) -> dict[str, Any]:
        """The discovery document of OpenID Connect."""
        algorithms = sorted({jwt.jwk(key)["alg"] for key in self._keys.values()})
        return {
            "issuer": self.issuer,
            "jwks_uri": f"https://{address}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
        }
