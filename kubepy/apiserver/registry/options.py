"""Options of writes, as bodies and query parameters give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubepy.apiserver.requests import Query
from kubepy.machinery import errors
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_POLICIES = ("Orphan", "Background", "Foreground")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """meta/v1 DeleteOptions."""

    grace_period_seconds: int | None = None
    propagation_policy: str = ""
    orphan_dependents: bool | None = None
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False

    @classmethod
    def read(cls, body: Obj | None, query: Query) -> DeleteOptions:
        """From the body, and for what it does not say from the query. Raises 400 or 422."""
        body = body or {}
        grace = body.get("gracePeriodSeconds", query.number("gracePeriodSeconds"))
        if grace is not None and not isinstance(grace, int):
            raise errors.bad_request("gracePeriodSeconds must be an integer")
        policy = body.get("propagationPolicy") or query.get("propagationPolicy")
        orphan = body.get("orphanDependents", query.optional_flag("orphanDependents"))
        causes = []
        if policy and policy not in _POLICIES:
            causes.append(errors.not_supported("propagationPolicy", policy, [*_POLICIES, "nil"]))
        if policy and orphan is not None:
            detail = "orphanDependents and deletionPropagation cannot be both set"
            causes.append(errors.invalid_value("propagationPolicy", policy, detail))
        if causes:
            raise errors.invalid(GK("meta.k8s.io", "DeleteOptions"), "", causes)
        preconditions = body.get("preconditions") or {}
        return cls(
            grace,
            policy,
            orphan,
            preconditions.get("uid") or "",
            preconditions.get("resourceVersion") or "",
            dry_run(body.get("dryRun") or query.all("dryRun"), "DeleteOptions"),
        )


def dry_run(values: Any, kind: str) -> bool:
    """True for ["All"]; raises 422 for anything else that is not empty."""
    wanted = [value for value in values or () if value]
    if not wanted:
        return False
    if wanted != ["All"]:
        cause = errors.not_supported("dryRun", wanted[0], ["All"])
        raise errors.invalid(GK("meta.k8s.io", kind), "", [cause])
    return True
