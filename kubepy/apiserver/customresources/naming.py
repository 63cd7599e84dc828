"""Whether a definition's names are free, and its conditions: a pure function of all definitions."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.machinery import conditions, meta
from kubepy.machinery.field_errors import quote
from kubepy.machinery.meta import Obj

_APPROVAL = "api-approved.kubernetes.io"
_SINGLE = (
    ("plural", "PluralConflict"),
    ("singular", "SingularConflict"),
    ("kind", "KindConflict"),
    ("listKind", "ListKindConflict"),
)


def status_of(crd: Obj, others: Iterable[Obj], now: str) -> Obj:
    """The status that the definition should have; `others` are all definitions of its group."""
    names, kinds = _taken(crd, others)
    wanted: Obj = crd["spec"]["names"]
    status = meta.deep_copy(crd.get("status") or {})
    accepted: Obj = dict(status.get("acceptedNames") or {})
    problem: tuple[str, str] | None = None
    for field, reason in _SINGLE:
        value = wanted.get(field) or ""
        if value and value in (kinds if field in ("kind", "listKind") else names):
            problem = (reason, f"{quote(value)} is already in use")
        elif value:
            accepted[field] = value
    conflicting = [name for name in wanted.get("shortNames") or () if name in names]
    if conflicting:
        problem = problem or (
            "ShortNamesConflict",
            " && ".join(f"{quote(n)} is already in use" for n in conflicting),
        )
    elif wanted.get("shortNames"):
        accepted["shortNames"] = wanted["shortNames"]
    else:
        accepted.pop("shortNames", None)
    if wanted.get("categories"):
        accepted["categories"] = wanted["categories"]
    else:
        accepted.pop("categories", None)
    for field in ("plural", "kind"):
        accepted.setdefault(field, "")
    status["acceptedNames"] = accepted
    found: list[Obj] = status.setdefault("conditions", [])
    for condition in (
        *_naming(problem, established=conditions.is_true(found, "Established")),
        *_approval(crd),
    ):
        conditions.set_condition(found, condition, now)
    return status


def _naming(problem: tuple[str, str] | None, *, established: bool) -> list[Obj]:
    if problem is not None:
        naming = {"type": "NamesAccepted", "status": "False", "reason": problem[0], "message": problem[1]}
        if established:
            return [naming]
        return [
            naming,
            {
                "type": "Established",
                "status": "False",
                "reason": "NotAccepted",
                "message": "not all names are accepted",
            },
        ]
    return [
        {
            "type": "NamesAccepted",
            "status": "True",
            "reason": "NoConflicts",
            "message": "no conflicts found",
        },
        {
            "type": "Established",
            "status": "True",
            "reason": "InitialNamesAccepted",
            "message": "the initial names have been accepted",
        },
    ]


def _approval(crd: Obj) -> list[Obj]:
    group: str = crd["spec"]["group"]
    if not is_protected(group):
        return []
    value = meta.annotations(crd).get(_APPROVAL) or ""
    made: Obj = {"type": "KubernetesAPIApprovalPolicyConformant"}
    if not value:
        made |= {
            "status": "False",
            "reason": "MissingAnnotation",
            "message": f"protected groups must have approval annotation {quote(_APPROVAL)},"
            " see https://github.com/kubernetes/enhancements/pull/1111",
        }
    elif value.startswith("unapproved"):
        made |= {
            "status": "False",
            "reason": "UnapprovedAnnotation",
            "message": f"not approved: {quote(value)}",
        }
    else:
        made |= {"status": "True", "reason": "ApprovedAnnotation", "message": f"approved in {value}"}
    return [made]


def is_protected(group: str) -> bool:
    """True for groups that belong to the Kubernetes community."""
    return group in ("k8s.io", "kubernetes.io") or group.endswith((".k8s.io", ".kubernetes.io"))


def _taken(crd: Obj, others: Iterable[Obj]) -> tuple[set[str], set[str]]:
    """Resource names and kinds that other definitions of the group have."""
    names: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        if meta.uid(other) == meta.uid(crd) or other["spec"]["group"] != crd["spec"]["group"]:
            continue
        accepted: Obj = (other.get("status") or {}).get("acceptedNames") or {}
        names |= {
            accepted.get("plural") or "",
            accepted.get("singular") or "",
            *(accepted.get("shortNames") or ()),
        }
        kinds |= {accepted.get("kind") or "", accepted.get("listKind") or ""}
    names.discard("")
    kinds.discard("")
    return names, kinds
