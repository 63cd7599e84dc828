"""Bootstrap tokens: "id.secret", kept as Secrets in kube-system, with which a machine joins."""

from __future__ import annotations

import base64
import binascii
import hmac
import re

from kubepy.api.resources import SECRETS
from kubepy.apiserver.authentication.service_account import Lookup
from kubepy.apiserver.authentication.user import AUTHENTICATED, User
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse
from kubepy.util.clock import Clock

_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")
_TYPE = "bootstrap.kubernetes.io/token"


class BootstrapTokens:
    """Authenticates them."""

    def __init__(self, lookup: Lookup, clock: Clock) -> None:
        self._lookup = lookup
        self._clock = clock

    async def authenticate_token(self, token: str) -> User | None:
        """system:bootstrap:ID in system:bootstrappers and the groups the Secret adds."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        entry = self._lookup(SECRETS, "kube-system", f"bootstrap-token-{match[1]}")
        if entry is None or entry.obj.get("type") != _TYPE or entry.obj["metadata"].get("deletionTimestamp"):
            return None
        value = _values(entry.obj)
        if (
            not hmac.compare_digest(value.get("token-secret", ""), match[2])
            or value.get("token-id") != match[1]
        ):
            return None
        if value.get("usage-bootstrap-authentication") != "true":
            return None
        expiration = value.get("expiration")
        if expiration and parse(expiration).timestamp() <= self._clock.time():
            return None
        extra = [g for g in value.get("auth-extra-groups", "").split(",") if _GROUP.fullmatch(g)]
        return User(f"system:bootstrap:{match[1]}", ("system:bootstrappers", *extra, AUTHENTICATED))


def _values(secret: Obj) -> dict[str, str]:
    values = {}
    for key, text in (secret.get("data") or {}).items():
        try:
            values[key] = base64.b64decode(text).decode()
        except (binascii.Error, ValueError):
            continue
    return values
