"""Client certificates: CN is the name, each O a group. The TLS layer has verified them already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from kubepy.apiserver.authentication.user import AUTHENTICATED, User

_UID = "1.3.6.1.4.1.57683.2"  # Kubernetes' own object id for the user's uid
_CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"


def user_of(certificate: Mapping[str, Any] | None, der: bytes | None = None) -> User | None:
    """The user of a peer certificate as ssl's getpeercert gives it; None without one or without a CN.

    `der` is the certificate itself, whose fingerprint tells in the audit log which one was used.
    """
    if not certificate:
        return None
    name, uid, groups = "", "", []
    for relative in certificate.get("subject", ()):
        for field, value in relative:
            if field == "commonName":
                name = value
            elif field == "organizationName":
                groups.append(value)
            elif field == _UID:
                uid = value
    if not name:
        return None
    extra = {_CREDENTIAL_ID: [f"X509SHA256={hashlib.sha256(der).hexdigest()}"]} if der else {}
    return User(name, (*groups, AUTHENTICATED), uid, extra)
