"""Who asks, and whether they may: the API server's front proxy names the user, the API server decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kubepy.api import resources as r
from kubepy.client import Client
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"
DECISION_LASTS = 10.0
REMEMBERED = 1000


class Headers(Protocol):
    """A request's headers."""

    def get(self, name: str, default: str = "") -> str: ...
    def getall(self, name: str, default: Any = ()) -> list[str]: ...
    def items(self) -> Any: ...


@dataclass(frozen=True)
class User:
    """Who asks, as the front proxy says."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class FrontProxy:
    """Whom to believe: ``ca`` is PEM; without ``allowed_names`` every holder of a certificate of it."""

    ca: str
    allowed_names: tuple[str, ...] = ()
    user_headers: tuple[str, ...] = ("X-Remote-User",)
    group_headers: tuple[str, ...] = ("X-Remote-Group",)
    uid_headers: tuple[str, ...] = ("X-Remote-Uid",)
    extra_prefixes: tuple[str, ...] = ("X-Remote-Extra-",)

    def user(self, peer: Mapping[str, Any] | None, headers: Headers) -> User | None:
        """The user a request is made for; None when the front proxy did not make it."""
        if not peer:
            return None
        subject = [pair for part in peer.get("subject", ()) for pair in part]
        common_name = next((value for key, value in subject if key == "commonName"), "")
        if self.allowed_names and common_name not in self.allowed_names:
            return None
        name = next((found for each in self.user_headers if (found := headers.get(each))), "")
        if not name:
            return None
        groups = tuple(group for each in self.group_headers for group in headers.getall(each, []))
        uid = next((found for each in self.uid_headers if (found := headers.get(each))), "")
        extra: dict[str, tuple[str, ...]] = {}
        for header, value in headers.items():
            for prefix in self.extra_prefixes:
                if header.lower().startswith(prefix.lower()):
                    key = header[len(prefix) :].lower()
                    extra[key] = (*extra.get(key, ()), value)
        return User(name, groups, uid, extra)


async def read_front_proxy(client: Client) -> FrontProxy | None:
    """What the API server publishes; None when it has no front proxy. Raises StatusError."""
    data = (await client.get(r.CONFIG_MAPS, NAME, namespace=NAMESPACE)).get("data") or {}
    ca = data.get("requestheader-client-ca-file")
    if not ca:
        return None

    def names(key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(json.loads(data[key])) if data.get(key) else default

    return FrontProxy(
        ca=ca,
        allowed_names=names("requestheader-allowed-names", ()),
        user_headers=names("requestheader-username-headers", FrontProxy.user_headers),
        group_headers=names("requestheader-group-headers", FrontProxy.group_headers),
        uid_headers=names("requestheader-uid-headers", FrontProxy.uid_headers),
        extra_prefixes=names("requestheader-extra-headers-prefix", FrontProxy.extra_prefixes),
    )


class Authorizer:
    """Asks SubjectAccessReview, and remembers the answers for a short while."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[tuple[Any, ...], tuple[float, bool]] = {}

    async def allows(self, user: User, attributes: Obj) -> bool:
        """Whether ``user`` may; ``attributes`` are the review's resourceAttributes. Raises StatusError."""
        key = (user.name, user.groups, user.uid, tuple(sorted(attributes.items())))
        known = self._known.get(key)
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user.name,
                "groups": list(user.groups),
                "uid": user.uid,
                "extra": {key: list(values) for key, values in user.extra.items()},
                "resourceAttributes": attributes,
            },
        }
        answer = await self._client.create(r.SUBJECT_ACCESS_REVIEWS, review)
        allowed = bool((answer.get("status") or {}).get("allowed"))
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key] = (self._clock.monotonic() + DECISION_LASTS, allowed)
        return allowed
