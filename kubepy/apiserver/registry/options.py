"""Options of writes, as bodies and query parameters give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubepy.apiserver.requests import Context, Query
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

    def to_obj(self) -> Obj:
        """As meta.k8s.io/v1 DeleteOptions."""
        made: Obj = {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1"}
        if self.grace_period_seconds is not None:
            made["gracePeriodSeconds"] = self.grace_period_seconds
        if self.propagation_policy:
            made["propagationPolicy"] = self.propagation_policy
        if self.orphan_dependents is not None:
            made["orphanDependents"] = self.orphan_dependents
        wanted = {"uid": self.uid, "resourceVersion": self.resource_version}
        if any(wanted.values()):
            made["preconditions"] = {field: value for field, value in wanted.items() if value}
        if self.dry_run:
            made["dryRun"] = ["All"]
        return made


_WRITES = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}


def write_options(context: Context) -> Obj:
    """The options of a create, update or patch as meta.k8s.io/v1 has them."""
    query = context.query
    made: Obj = {"kind": _WRITES.get(context.info.verb, "CreateOptions"), "apiVersion": "meta.k8s.io/v1"}
    for field in ("fieldManager", "fieldValidation"):
        if query.get(field):
            made[field] = query.get(field)
    if query.all("dryRun"):
        made["dryRun"] = query.all("dryRun")
    if query.flag("force"):
        made["force"] = True
    return made


def dry_run(values: Any, kind: str) -> bool:
    """True for ["All"]; raises 422 for anything else that is not empty."""
    wanted = [value for value in values or () if value]
    if not wanted:
        return False
    if wanted != ["All"]:
        cause = errors.not_supported("dryRun", wanted[0], ["All"])
        raise errors.invalid(GK("meta.k8s.io", kind), "", [cause])
    return True
