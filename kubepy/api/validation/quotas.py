"""Rules of ResourceQuotas and LimitRanges."""

from __future__ import annotations

from kubepy.api.validation.formats import qualified_name
from kubepy.api.validation.resource_lists import (
    container_resource_name,
    is_quota_resource,
    may_overcommit,
    quantity_value,
    quota_resource_name,
    resource_name,
)
from kubepy.api.validation.rules import Rules, spec_of
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

_POD_SCOPES = (
    "BestEffort",
    "NotBestEffort",
    "Terminating",
    "NotTerminating",
    "CrossNamespacePodAffinity",
)
_SCOPES = (*_POD_SCOPES, "PriorityClass", "VolumeAttributesClass")
_OPPOSITES = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_COMPUTE = frozenset(
    ("cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory", "pods")
)
_EXISTS_ONLY = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
    "ResourceQuotaScopeCrossNamespacePodAffinity"
)
_LIMIT_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
_ONE = Quantity.from_value(1)


def _scope_fits(scope: str, resource: str) -> bool:
    match scope:
        case "BestEffort":
            return resource == "pods"
        case "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass":
            return resource in _COMPUTE
        case "CrossNamespacePodAffinity":
            return resource in _COMPUTE
        case "VolumeAttributesClass":
            return resource in ("persistentvolumeclaims", "requests.storage")
        case _:
            return True


def _amounts(amounts: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for name, value in amounts.items():
        at = f"{path}[{name}]"
        causes += quota_resource_name(name, at) + quantity_value(name, value, at)
    return causes


def _quota_spec(spec: Obj) -> list[Cause]:
    hard = spec.get("hard") or {}
    causes = _amounts(hard, "spec.hard")
    limited = [name for name in sorted(hard) if is_quota_resource(name)]
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            causes.append(invalid_value("spec.scopes", scopes, "unsupported scope"))
        causes += [
            invalid_value("spec.scopes", scopes, "unsupported scope applied to resource")
            for name in limited
            if not _scope_fits(scope, name)
        ]
    causes += [
        invalid_value("spec.scopes", scopes, "conflicting scopes")
        for pair in _OPPOSITES
        if pair <= set(scopes)
    ]
    selector = spec.get("scopeSelector")
    return causes + (_scope_selector(selector, spec, limited) if selector is not None else [])


def _scope_selector(selector: Obj, spec: Obj, limited: list[str]) -> list[Cause]:
    causes: list[Cause] = []
    path = "spec.scopeSelector.matchExpressions"
    expressions = selector.get("matchExpressions") or []
    for expression in expressions:
        scope, operator = expression.get("scopeName") or "", expression.get("operator") or ""
        values = expression.get("values") or []
        if scope not in _SCOPES:
            causes.append(invalid_value(f"{path}.scopeName", scope, "unsupported scope"))
        causes += [
            invalid_value(path, selector, "unsupported scope applied to resource")
            for name in limited
            if not _scope_fits(scope, name)
        ]
        if scope in _POD_SCOPES and operator != "Exists":
            causes.append(invalid_value(f"{path}.operator", operator, _EXISTS_ONLY))
        if operator in ("In", "NotIn"):
            if not values:
                detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                causes.append(required(f"{path}.values", detail))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                causes.append(invalid_value(f"{path}.values", values, detail))
        else:
            causes.append(invalid_value(f"{path}.operator", operator, "not a valid selector operator"))
    chosen = {expression.get("scopeName") for expression in expressions}
    return causes + [
        invalid_value(path, spec.get("scopes"), "conflicting scopes") for pair in _OPPOSITES if pair <= chosen
    ]


def _quota(quota: Obj) -> list[Cause]:
    return _quota_spec(spec_of(quota)) + _quota_status(quota, quota)


def _quota_update(quota: Obj, old: Obj) -> list[Cause]:
    causes = _quota_spec(spec_of(quota))
    scopes = spec_of(quota).get("scopes")
    if set(scopes or ()) != set(spec_of(old).get("scopes") or ()):
        causes.append(invalid_value("spec.scopes", scopes, "field is immutable"))
    return causes


def _quota_status(quota: Obj, old: Obj) -> list[Cause]:
    status = quota.get("status") or {}
    causes = _amounts(status.get("hard") or {}, "status.hard")
    return causes + _amounts(status.get("used") or {}, "status.used")


def _limit_range(limit_range: Obj) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, item in enumerate(spec_of(limit_range).get("limits") or ()):
        at = f"spec.limits[{index}]"
        kind = item.get("type") or ""
        wrong = qualified_name(kind, f"{at}.type")
        if not wrong and "/" not in kind and kind not in _LIMIT_TYPES:
            detail = "must be a standard limit type or fully qualified"
            wrong = [invalid_value(f"{at}.type", kind, detail)]
        causes += wrong
        if kind in seen:
            causes.append(duplicate(f"{at}.type", kind))
        seen.add(kind)
        causes += _limit_names(item, kind, at)
        fields = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
        if kind == "Pod":
            item = {k: v for k, v in item.items() if k not in ("default", "defaultRequest")}
        for name in sorted({name for field in fields for name in item.get(field) or ()}):
            causes += _limit_bounds(item, name, at)
    return causes


def _limit_names(item: Obj, kind: str, path: str) -> list[Cause]:
    rule = container_resource_name if kind in ("Pod", "Container") else resource_name
    causes: list[Cause] = []

    def check(field: str) -> list[Cause]:
        return [cause for name in item.get(field) or () for cause in rule(name, f"{path}.{field}[{name}]")]

    causes += check("max") + check("min")
    if kind == "Pod":
        detail = "may not be specified when `type` is 'Pod'"
        causes += [
            forbidden_field(f"{path}.{field}", detail)
            for field in ("default", "defaultRequest")
            if item.get(field)
        ]
    else:
        causes += check("default") + check("defaultRequest")
    bounds = (item.get("min") or {}).keys() | (item.get("max") or {}).keys()
    if kind == "PersistentVolumeClaim" and "storage" not in bounds:
        detail = "either minimum or maximum storage value is required, but neither was provided"
        causes.append(required(f"{path}.limits", detail))
    return causes + check("maxLimitRequestRatio")


def _limit_bounds(item: Obj, name: str, path: str) -> list[Cause]:
    """Check min <= default request <= default <= max of one resource, and the ratio of them."""
    causes: list[Cause] = []

    def get(field: str) -> str | None:
        return (item.get(field) or {}).get(name)

    low, high = get("min"), get("max")
    default, request, ratio = get("default"), get("defaultRequest"), get("maxLimitRequestRatio")

    def order(
        less: str | None, more: str | None, field: str, shown: str | None, words: tuple[str, str]
    ) -> None:
        if less is not None and more is not None and Quantity.parse(less) > Quantity.parse(more):
            detail = f"{words[0]} value {less} is greater than {words[1]} value {more}"
            causes.append(invalid_value(f"{path}.{field}[{name}]", shown, detail))

    order(low, high, "min", low, ("min", "max"))
    order(low, request, "defaultRequest", request, ("min", "default request"))
    order(request, high, "defaultRequest", request, ("default request", "max"))
    order(request, default, "defaultRequest", request, ("default request", "default limit"))
    order(low, default, "default", low, ("min", "default"))
    order(default, high, "default", high, ("default", "max"))
    if ratio is not None:
        at = f"{path}.maxLimitRequestRatio[{name}]"
        if Quantity.parse(ratio) < _ONE:
            causes.append(invalid_value(at, ratio, f"ratio {ratio} is less than 1"))
        if low is not None and high is not None and Quantity.parse(low):
            most = Quantity.parse(high).milli_value() / Quantity.parse(low).milli_value()
            if Quantity.parse(ratio).as_float() > most:
                detail = f"ratio {ratio} is greater than max/min = {most:f}"
                causes.append(invalid_value(at, ratio, detail))
    both = default is not None and request is not None and not may_overcommit(name)
    if both and Quantity.parse(default or "0") != Quantity.parse(request or "0"):
        detail = f"default value {default} must equal to defaultRequest value {request} in {name}"
        causes.append(invalid_value(f"{path}.defaultRequest[{name}]", request, detail))
    return causes


RULES: dict[GK, Rules] = {
    GK("", "ResourceQuota"): Rules(
        create=_quota, update=_quota_update, subresources={"status": _quota_status}
    ),
    GK("", "LimitRange"): Rules(create=_limit_range),
}
