"""Client certificates: CN is the name, each O a group. The TLS layer has verified them already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubepy.apiserver.authentication.user import AUTHENTICATED, User


def user_of(certificate: Mapping[str, Any] | None) -> User | None:
    """The user of a peer certificate as ssl's getpeercert gives it; None without one or without a CN."""
    if not certificate:
        return None
    name, groups = "", []
    for relative in certificate.get("subject", ()):
        for field, value in relative:
            if field == "commonName":
                name = value
            elif field == "organizationName":
                groups.append(value)
    return User(name, (*groups, AUTHENTICATED)) if name else None
