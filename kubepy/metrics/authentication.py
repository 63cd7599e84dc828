"""Who asks: the API server's front proxy names the user."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kubepy.api import resources as r
from kubepy.client import Client
from kubepy.client.access import UserInfo

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"


class Headers(Protocol):
    """A request's headers."""

    def get(self, name: str, default: str = "") -> str: ...
    def getall(self, name: str, default: Any = ()) -> list[str]: ...
    def items(self) -> Any: ...


@dataclass(frozen=True)
class FrontProxy:
    """Whom to believe: ``ca`` is PEM; without ``allowed_names`` every holder of a certificate of it."""

    ca: str
    allowed_names: tuple[str, ...] = ()
    user_headers: tuple[str, ...] = ("X-Remote-User",)
    group_headers: tuple[str, ...] = ("X-Remote-Group",)
    uid_headers: tuple[str, ...] = ("X-Remote-Uid",)
    extra_prefixes: tuple[str, ...] = ("X-Remote-Extra-",)

    def user(self, peer: Mapping[str, Any] | None, headers: Headers) -> UserInfo | None:
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
        return UserInfo(name, groups, uid, extra)


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
