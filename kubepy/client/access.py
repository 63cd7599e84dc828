"""Asking the API server whether somebody else may: for servers that leave the decision to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubepy.api import resources as r
from kubepy.client.rest import Client
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

REMEMBERED = 1000  # answers; anybody may come with any number of questions


@dataclass(frozen=True)
class UserInfo:
    """An authenticated caller, as reviews name one."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


class AccessReviews:
    """Creates SubjectAccessReviews, and remembers the answers for `allowed_for` and `denied_for` seconds."""

    def __init__(self, client: Client, clock: Clock, *, allowed_for: float, denied_for: float) -> None:
        self._client = client
        self._clock = clock
        self._lasts = {True: allowed_for, False: denied_for}
        self._known: dict[tuple[Any, ...], tuple[float, bool]] = {}

    async def allows(self, user: UserInfo, attributes: Obj) -> bool:
        """Whether the user may; `attributes` are the review's resourceAttributes.

        Raises StatusError and ConnectionFailed.
        """
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
                "extra": {name: list(values) for name, values in user.extra.items()},
                "resourceAttributes": attributes,
            },
        }
        answer = await self._client.create(r.SUBJECT_ACCESS_REVIEWS, review)
        allowed = bool((answer.get("status") or {}).get("allowed"))
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key] = (self._clock.monotonic() + self._lasts[allowed], allowed)
        return allowed
