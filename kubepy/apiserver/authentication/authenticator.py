"""The union of all authenticators."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Protocol

from aiohttp import web

from kubepy.apiserver.authentication.impersonation import impersonate
from kubepy.apiserver.authentication.user import ANONYMOUS, User
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.apiserver.requests import Context
from kubepy.machinery import errors


class TokenAuthenticator(Protocol):
    """Knows some bearer tokens."""

    async def authenticate_token(self, token: str) -> User | None:
        """The user, None when the token is not one of this kind or not valid."""
        ...


class Authenticator:
    """Client certificate, then bearer token, then anonymous."""

    def __init__(self, tokens: Sequence[TokenAuthenticator], *, anonymous: bool) -> None:
        self._tokens = tokens
        self._anonymous = anonymous

    async def authenticate(self, request: web.BaseRequest, connection: Any) -> User:
        """Who sends the request. Raises 401."""
        user: User | None = getattr(connection, "certificate_user", None)
        if user is not None:
            return user
        token = _bearer(request)
        if token is not None:
            found = await self.token_user(token)
            if found is None:
                raise errors.unauthorized()
            return found
        if self._anonymous:
            return ANONYMOUS
        raise errors.unauthorized()

    async def token_user(self, token: str) -> User | None:
        """Whose token it is."""
        for authenticator in self._tokens:
            user = await authenticator.authenticate_token(token)
            if user is not None:
                return user
        return None

    def impersonate(self, context: Context, authorizer: Authorizer) -> User:
        """The user the caller wants to act as, if it does and may."""
        for name in context.headers:
            if name[:1] in "Ii" and name.lower().startswith("impersonate-"):
                return impersonate(context, authorizer)
        return context.user


def _bearer(request: web.BaseRequest) -> str | None:
    header = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    # Browsers cannot set headers on WebSockets: the token comes as a subprotocol.
    for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
        name = protocol.strip()
        if name.startswith("base64url.bearer.authorization.k8s.io."):
            return _decode(name.rpartition(".")[2])
    return None


def _decode(text: str) -> str | None:

    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
