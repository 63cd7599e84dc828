"""What is wrong with a policy's expressions when `object` has the types that its rules match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubepy.api import schemas
from kubepy.api.resources import BY_GVR
from kubepy.api.validation.admission_environment import policy_types, with_variables
from kubepy.controllers.admission_policy.typed import type_of
from kubepy.machinery import cel
from kubepy.machinery.cel.types import DYN, Type
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj

_MOST_TYPES = 10


def matched_kinds(policy: Obj) -> list[GVK]:
    """The built-in kinds that the rules name; wildcards match too much to be checked."""
    found: list[GVK] = []
    for rule in ((policy.get("spec") or {}).get("matchConstraints") or {}).get("resourceRules") or ():
        for group in rule.get("apiGroups") or ():
            for version in rule.get("apiVersions") or ():
                for plural in rule.get("resources") or ():
                    resource = BY_GVR.get(GVR(group, version, plural))
                    if resource is not None and resource.gvk not in found:
                        found.append(resource.gvk)
    return sorted(found)[:_MOST_TYPES]


def _expressions(spec: Obj) -> Iterator[tuple[str, str]]:
    for index, validation in enumerate(spec.get("validations") or ()):
        for field in ("expression", "messageExpression"):
            if validation.get(field):
                yield f"spec.validations[{index}].{field}", validation[field]
    for index, annotation in enumerate(spec.get("auditAnnotations") or ()):
        yield f"spec.auditAnnotations[{index}].valueExpression", annotation.get("valueExpression") or ""
    for index, condition in enumerate(spec.get("matchConditions") or ()):
        yield f"spec.matchConditions[{index}].expression", condition.get("expression") or ""


def warnings(policy: Obj) -> list[Obj]:
    """status.typeChecking.expressionWarnings."""
    spec = policy.get("spec") or {}
    found: dict[str, list[str]] = {}
    for gvk in matched_kinds(policy):
        seen = type_of(schemas.schema(gvk))
        types: dict[str, Type] = {**policy_types(spec), "object": seen, "oldObject": seen}
        known: list[tuple[str, Type]] = []
        for index, variable in enumerate(spec.get("variables") or ()):
            text, over = variable.get("expression") or "", with_variables(types, known)
            path = f"spec.variables[{index}].expression"
            known.append((variable.get("name") or "", _check(path, text, over, gvk, found)))
        over = with_variables(types, known)
        for path, text in _expressions(spec):
            _check(path, text, over, gvk, found)
    return [{"fieldRef": path, "warning": "\n".join(texts)} for path, texts in found.items()]


def _check(path: str, text: str, types: Mapping[str, Type], gvk: GVK, found: dict[str, list[str]]) -> Type:
    try:
        return cel.compile(text, types).type
    except cel.CompileError as error:
        found.setdefault(path, []).append(f"{gvk}: {error}")
        return DYN
