"""Acting as somebody else: Impersonate-User, -Group, -Uid and -Extra-*, each allowed by its own rule."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from kubepy.apiserver.authentication.user import (
    ANONYMOUS_NAME,
    AUTHENTICATED,
    SERVICE_ACCOUNT_PREFIX,
    UNAUTHENTICATED,
    User,
)
from kubepy.apiserver.authorization.attributes import Attributes
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.apiserver.requests import Context
from kubepy.machinery import errors

_EXTRA = "impersonate-extra-"
_GROUP = "authentication.k8s.io"


def impersonate(context: Context, authorizer: Authorizer) -> User:
    """The user to act as. Raises 403 when the caller may not, 500 for groups without a user."""
    headers: Any = context.headers
    name = headers.get("Impersonate-User", "")
    groups = list(headers.getall("Impersonate-Group", []))
    uid = headers.get("Impersonate-Uid", "")
    extra: dict[str, list[str]] = {}
    for header, value in headers.items():
        if header.lower().startswith(_EXTRA):
            extra.setdefault(unquote(header[len(_EXTRA) :].lower()), []).append(value)
    if not name:
        raise errors.internal_error(f"requested {groups or uid or extra} without impersonating a user name")
    caller = context.user
    if name.startswith(SERVICE_ACCOUNT_PREFIX):
        namespace, _, account = name[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")
        wanted = Attributes("impersonate", "", "serviceaccounts", namespace=namespace, name=account)
        authorizer.check(caller, wanted)
        groups = groups or ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
    else:
        authorizer.check(caller, Attributes("impersonate", "", "users", name=name))
    for group in headers.getall("Impersonate-Group", []):
        authorizer.check(caller, Attributes("impersonate", "", "groups", name=group))
    if uid:
        authorizer.check(caller, Attributes("impersonate", _GROUP, "uids", name=uid))
    for key, values in extra.items():
        for value in values:
            wanted = Attributes("impersonate", _GROUP, "userextras", key, name=value)
            authorizer.check(caller, wanted)
    if name == ANONYMOUS_NAME:
        groups = groups or [UNAUTHENTICATED]
    elif UNAUTHENTICATED not in groups and AUTHENTICATED not in groups:
        groups.append(AUTHENTICATED)
    return User(name, tuple(groups), uid, extra)
