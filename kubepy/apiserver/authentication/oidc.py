"""OpenID Connect: ID tokens of an outside issuer, checked with the keys it publishes.

The issuer is asked when the first of its tokens comes, and again when one is signed with a key not seen yet,
but not more often than every ten seconds.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

import aiohttp
import anyio

from kubepy.apiserver.authentication import jwt, jwt_keys
from kubepy.apiserver.authentication.user import AUTHENTICATED, User
from kubepy.apiserver.config import APIServerConfig
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

_REFRESH = 10.0
_TIMEOUT = 10.0
_MEMO = 10_000
_log = get_logger(__name__)


class OIDCError(Exception):
    """The issuer cannot be asked, or the token is not good."""


@dataclass(frozen=True)
class Claims:
    """From claims to a user, as the flags --oidc-* say."""

    issuer: str
    client_id: str
    username_claim: str
    username_prefix: str
    groups_claim: str
    groups_prefix: str
    required: dict[str, str]

    @classmethod
    def of(cls, config: APIServerConfig) -> Claims:
        """As configured. A prefix of "-" is none; without one, names (but e-mails) begin with the issuer."""
        prefix = config.oidc_username_prefix
        if not prefix and config.oidc_username_claim != "email":
            prefix = f"{config.oidc_issuer_url}#"
        return cls(
            config.oidc_issuer_url,
            config.oidc_client_id,
            config.oidc_username_claim,
            "" if prefix == "-" else prefix,
            config.oidc_groups_claim,
            config.oidc_groups_prefix,
            config.oidc_required_claims,
        )

    def user(self, claims: dict[str, Any], now: float) -> User:
        """Whose token it is. Raises OIDCError."""
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience or []
        if claims.get("iss") != self.issuer or self.client_id not in audiences:
            raise OIDCError(f'expected audience "{self.client_id}" got {audiences}')
        if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= now:
            raise OIDCError("token is expired")
        if isinstance(claims.get("nbf"), int | float) and claims["nbf"] > now + _REFRESH:
            raise OIDCError("current time before the nbf (not before) time")
        for claim, wanted in self.required.items():
            if claims.get(claim) != wanted:
                raise OIDCError(f"required claim {claim} does not have the value {wanted}")
        name = claims.get(self.username_claim)
        if not isinstance(name, str) or not name:
            raise OIDCError(f"parse username claims {self.username_claim!r}: claim not present")
        if self.username_claim == "email" and claims.get("email_verified", True) is not True:
            raise OIDCError("email not verified")
        groups = self._groups(claims)
        return User(f"{self.username_prefix}{name}", (*groups, AUTHENTICATED))

    def _groups(self, claims: dict[str, Any]) -> list[str]:
        found = claims.get(self.groups_claim) if self.groups_claim else None
        names = [found] if isinstance(found, str) else found or []
        if not isinstance(names, list) or not all(isinstance(group, str) for group in names):
            raise OIDCError(f"parse groups claim {self.groups_claim!r}: not a string or list of strings")
        return [f"{self.groups_prefix}{group}" for group in names]


class OIDCTokens:
    """Authenticates the tokens of one issuer."""

    def __init__(self, config: APIServerConfig, clock: Clock) -> None:
        self._claims = Claims.of(config)
        self._clock = clock
        self._algorithms = frozenset(config.oidc_signing_algs)
        self._tls = ssl.create_default_context(
            cafile=str(config.oidc_ca_file) if config.oidc_ca_file else None
        )
        self._keys: dict[str, jwt_keys.Key] = {}
        self._asked = -_REFRESH
        self._asking = anyio.Lock()
        self._verified: dict[str, dict[str, Any]] = {}

    async def authenticate_token(self, token: str) -> User | None:
        """The user; None when the token is another issuer's or not good."""
        try:
            claims = self._verified.get(token)
            if claims is None:
                unverified = jwt.claims_of(token)
                if unverified.get("iss") != self._claims.issuer:
                    return None
                claims = await self._verify(token)
                if len(self._verified) >= _MEMO:
                    self._verified.clear()
                self._verified[token] = claims
            return self._claims.user(claims, self._clock.time())
        except (jwt.InvalidToken, OIDCError) as error:
            _log.info("oidc: token refused", error=str(error))
            return None

    async def _verify(self, token: str) -> dict[str, Any]:
        header = jwt_keys.header_of(token)
        algorithm, key_id = header.get("alg"), header.get("kid") or ""
        if algorithm not in self._algorithms:
            raise OIDCError(f"token is signed with {algorithm}, which is not among oidcSigningAlgs")
        if key_id not in self._keys and (key_id or not self._keys):
            await self._refresh(key_id)
        candidates = (
            [self._keys[key_id]] if key_id in self._keys else [] if key_id else list(self._keys.values())
        )
        if any(jwt_keys.is_signed_by(token, key, str(algorithm)) for key in candidates):
            return jwt.claims_of(token)
        raise OIDCError("failed to verify id token signature")

    async def _refresh(self, key_id: str) -> None:
        async with self._asking:
            now = self._clock.monotonic()
            if key_id in self._keys or now < self._asked + _REFRESH:
                return
            self._asked = now
            try:
                self._keys = await self._fetch()
            except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
                raise OIDCError(f"fetching keys: {error}") from None

    async def _fetch(self) -> dict[str, jwt_keys.Key]:
        limits = aiohttp.ClientTimeout(total=_TIMEOUT)
        connector = aiohttp.TCPConnector(ssl=self._tls)
        async with aiohttp.ClientSession(
            connector=connector, timeout=limits, raise_for_status=True
        ) as session:
            issuer = self._claims.issuer
            async with session.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration") as answer:
                document = await answer.json(content_type=None)
            if document.get("issuer") != issuer:
                raise OIDCError(
                    f'oidc: issuer did not match the issuer returned by provider, expected "{issuer}" got '
                    f'"{document.get("issuer")}"'
                )
            async with session.get(str(document.get("jwks_uri"))) as answer:
                found = await answer.json(content_type=None)
        return jwt_keys.read_set(found)
