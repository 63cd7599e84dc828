"""What a bootstrap token's Secret says, and a detached signature with it. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse

NAMESPACE = "kube-system"
TYPE = "bootstrap.kubernetes.io/token"
PREFIX = "bootstrap-token-"
SIGNATURE = "jws-kubeconfig-"
KUBECONFIG = "kubeconfig"


@dataclass(frozen=True)
class Token:
    """A bootstrap token; ``expires`` is None for one that does not."""

    id: str
    secret: str
    signs: bool
    expires: datetime | None


def token_of(secret: Obj) -> Token | None:
    """The token in a Secret; None when there is none, or not a whole one."""
    if secret.get("type") != TYPE:
        return None
    values = {key: _decoded(text) for key, text in (secret.get("data") or {}).items()}
    identifier, text = values.get("token-id", ""), values.get("expiration", "")
    if not identifier or not values.get("token-secret") or meta.name(secret) != f"{PREFIX}{identifier}":
        return None
    try:
        expires = parse(text) if text else None
    except ValueError:
        return None
    return Token(identifier, values["token-secret"], values.get("usage-bootstrap-signing") == "true", expires)


def signatures(secrets: Iterable[Obj], kubeconfig: str, now: datetime) -> dict[str, str]:
    """The entries of cluster-info by which who knows a token knows that the kubeconfig is genuine."""
    found = {}
    for secret in secrets:
        token = None if meta.is_terminating(secret) else token_of(secret)
        if token is not None and token.signs and (token.expires is None or token.expires > now):
            found[f"{SIGNATURE}{token.id}"] = detached_signature(kubeconfig, token)
    return found


def detached_signature(content: str, token: Token) -> str:
    """A JSON Web Signature (RFC 7515, HS256) without its payload."""
    header = _base64url(json.dumps({"alg": "HS256", "kid": token.id}, separators=(",", ":")).encode())
    signed = f"{header}.{_base64url(content.encode())}"
    digest = hmac.new(token.secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{header}..{_base64url(digest)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, ValueError):
        return ""
