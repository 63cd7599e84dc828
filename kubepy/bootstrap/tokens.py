"""Bootstrap tokens, as Secrets in kube-system: made, listed, deleted."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from kubepy.api.resources import CONFIG_MAPS, SECRETS
from kubepy.bootstrap.errors import BootstrapError
from kubepy.client import Client
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse, rfc3339
from kubepy.util.clock import Clock

NAMESPACE = "kube-system"
TYPE = "bootstrap.kubernetes.io/token"
PREFIX = "bootstrap-token-"
GROUP = "system:bootstrappers:kubepy:default-node-token"
USAGES = ("authentication", "signing")
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
PATTERN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
DEFAULT_TTL = timedelta(hours=24)
SIGNED_WITHIN = 120.0
UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Token:
    """A bootstrap token as it is listed; ``expires`` is None for one that does not."""

    id: str
    secret: str
    expires: datetime | None
    usages: tuple[str, ...]
    description: str
    groups: str

    @property
    def text(self) -> str:
        return f"{self.id}.{self.secret}"


def generate() -> str:
    """A new token: id.secret."""
    return ".".join("".join(secrets.choice(ALPHABET) for _ in range(length)) for length in (6, 16))


def check(token: str) -> tuple[str, str]:
    """(id, secret) of a well-formed token. Raises BootstrapError."""
    match = PATTERN.fullmatch(token)
    if match is None:
        raise BootstrapError(
            "a bootstrap token has six and sixteen small letters and digits, as in abcdef.0123456789abcdef: "
            "`kubepy token create` on the master makes one"
        )
    return match[1], match[2]


def parse_ttl(text: str) -> timedelta:
    """ "24h", "30m", "1h30m", "90s"; "0" never ends. Raises BootstrapError."""
    if text in ("0", "0s"):
        return timedelta(0)
    parts = re.findall(r"(\d+)([hms])", text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise BootstrapError(f"{text!r} is no duration: write 24h, 30m, 1h30m, or 0 for a token without end")
    return timedelta(seconds=sum(int(number) * UNITS[unit] for number, unit in parts))


def secret_of(token: str, expires: datetime | None, description: str = "") -> Obj:
    """The Secret that makes ``token`` valid."""
    identifier, secret = check(token)
    data = {"token-id": identifier, "token-secret": secret, "auth-extra-groups": GROUP}
    data |= {f"usage-bootstrap-{usage}": "true" for usage in USAGES}
    if expires is not None:
        data["expiration"] = rfc3339(expires)
    if description:
        data["description"] = description
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{PREFIX}{identifier}", "namespace": NAMESPACE},
        "type": TYPE,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


async def create(client: Client, token: str, now: datetime, ttl: timedelta, description: str = "") -> None:
    """Make ``token`` valid for ``ttl`` (0: for ever). Raises BootstrapError when there is one of its id."""
    expires = now + ttl if ttl else None
    try:
        await client.create(SECRETS, secret_of(token, expires, description))
    except StatusError as error:
        if not errors.is_already_exists(error):
            raise
        raise BootstrapError(
            f"a token with the id {check(token)[0]} is there already: delete it first (kubepy token delete)"
        ) from error


async def wait_signed(client: Client, token: str, clock: Clock, within: float = SIGNED_WITHIN) -> bool:
    """Until cluster-info bears the token's signature, by which machines find the cluster trustworthy.

    False where nobody signs in time, or nobody is invited at all (kubepy up).
    """
    deadline = clock.monotonic() + within
    wanted = f"jws-kubeconfig-{check(token)[0]}"
    while True:
        try:
            info = await client.get(CONFIG_MAPS, "cluster-info", namespace="kube-public")
        except StatusError as error:
            if errors.is_not_found(error):
                return False
            raise
        if wanted in (info.get("data") or {}):
            return True
        if clock.monotonic() > deadline:
            return False
        await clock.sleep(0.1)


async def list_tokens(client: Client) -> list[Token]:
    """All of the cluster, those that ended and are not cleaned up yet among them."""
    found = await client.list(SECRETS, namespace=NAMESPACE, field_selector=f"type={TYPE}")
    return [token for token in map(token_of, found["items"]) if token is not None]


def token_of(secret: Obj) -> Token | None:
    """What a Secret says; None when it is no whole token."""
    data = secret.get("data") or {}
    values = {key: base64.b64decode(text).decode(errors="replace") for key, text in data.items()}
    if meta.name(secret) != f"{PREFIX}{values.get('token-id', '')}" or not values.get("token-secret"):
        return None
    return Token(
        values["token-id"],
        values["token-secret"],
        parse(values["expiration"]) if values.get("expiration") else None,
        tuple(usage for usage in USAGES if values.get(f"usage-bootstrap-{usage}") == "true"),
        values.get("description", ""),
        values.get("auth-extra-groups", ""),
    )


async def delete(client: Client, token: str) -> str:
    """Delete by id or whole token; returns the id. Raises BootstrapError when there is none."""
    identifier = token.partition(".")[0]
    if not re.fullmatch(r"[a-z0-9]{6}", identifier):
        check(token)
    try:
        await client.delete(SECRETS, f"{PREFIX}{identifier}", namespace=NAMESPACE)
    except StatusError as error:
        if not errors.is_not_found(error):
            raise
        raise BootstrapError(f"there is no token with the id {identifier}: see kubepy token list") from error
    return identifier
