"""Rules of resource names and amounts: requests and limits, quotas, nodes' capacity."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache

from kubepy.api.validation.formats import dns_label, good_key, qualified_name
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import ZERO, Quantity

HUGEPAGES = "hugepages-"
_NATIVE = "kubernetes.io/"
_COMPUTE = frozenset(("cpu", "memory"))
_CONTAINER = frozenset(("cpu", "memory", "ephemeral-storage"))
_COUNTED = frozenset(
    (
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    )
)
QUOTA = _COUNTED | _CONTAINER
QUOTA |= {f"{side}.{name}" for side in ("requests", "limits") for name in _CONTAINER}
QUOTA |= {"requests.storage"}
_STANDARD = QUOTA | {"storage"}
NameRule = Callable[[str, str], list[Cause]]


def is_native(name: str) -> bool:
    """True for names without a domain, or of Kubernetes' own."""
    return "/" not in name or _NATIVE in name


@lru_cache(1024)
def is_extended(name: str) -> bool:
    """True for a name of somebody else's domain that fits the rules of extended resources."""
    return not is_native(name) and not name.startswith("requests.") and good_key(f"requests.{name}")


def may_overcommit(name: str) -> bool:
    """True when requests may be below limits."""
    return is_native(name) and not name.startswith(HUGEPAGES)


def resource_name(name: str, path: str) -> list[Cause]:
    """Check the name of any resource."""
    causes = qualified_name(name, path)
    if not causes and "/" not in name and name not in _STANDARD and not _is_hugepages(name):
        causes = [invalid_value(path, name, "must be a standard resource type or fully qualified")]
    return causes


def _is_hugepages(name: str) -> bool:
    return name.startswith((HUGEPAGES, "requests.hugepages-"))


def container_resource_name(name: str, path: str) -> list[Cause]:
    """Check the name of a resource that a container asks for."""
    if name in _CONTAINER:
        return []
    causes = resource_name(name, path)
    if "/" not in name:
        if not name.startswith(HUGEPAGES):
            causes.append(invalid_value(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        causes.append(invalid_value(path, name, "doesn't follow extended resource name standard"))
    return causes


def quota_resource_name(name: str, path: str) -> list[Cause]:
    """Check the name of a resource that a quota limits."""
    causes = resource_name(name, path)
    if "/" not in name and name not in QUOTA and not _is_hugepages(name):
        causes.append(invalid_value(path, name, "must be a standard resource for quota"))
    return causes


def pod_resource_name(name: str, path: str) -> list[Cause]:
    """Check the name of a resource that a pod asks for as a whole."""
    causes = resource_name(name, path)
    if not causes and name not in _COMPUTE and not name.startswith(HUGEPAGES):
        causes = [not_supported(path, name, ("cpu", "memory"))]
    return causes


def quantity_value(name: str, value: str, path: str) -> list[Cause]:
    """Check an amount: not negative, and whole where the resource comes in pieces."""
    amount = Quantity.parse(value)
    causes: list[Cause] = []
    if amount.nanos < 0:
        causes.append(invalid_value(path, value, "must be greater than or equal to 0"))
    if name not in _CONTAINER and (name in _COUNTED or is_extended(name)) and amount.milli_value() % 1000:
        causes.append(invalid_value(path, value, "must be an integer"))
    return causes


def positive_quantity(value: str, path: str) -> list[Cause]:
    """Check that an amount is more than nothing."""
    if Quantity.parse(value) <= ZERO:
        return [invalid_value(path, value, "must be greater than zero")]
    return []


def basic_quantity(value: str, path: str) -> list[Cause]:
    """Check that an amount is not negative, in the words of volumes."""
    amount = Quantity.parse(value)
    if amount.value() < 0:
        return [invalid_value(path, amount.value(), "must be a valid resource quantity")]
    return []


def _hugepages_value(name: str, value: str, path: str) -> list[Cause]:
    try:
        size = Quantity.parse(name[len(HUGEPAGES) :])
    except ValueError:
        size = ZERO
    amount = Quantity.parse(value)
    if size.value() <= 0 or amount.value() <= 0 or amount.value() % size.value():
        return [invalid_value(path, value, f"{value} is not positive integer multiple of {name}")]
    return []


def validate_requirements(
    resources: Obj,
    path: str,
    claim_names: Collection[str] = (),
    name_rule: NameRule = container_resource_name,
) -> list[Cause]:
    """Check requests and limits."""
    causes: list[Cause] = []
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, value in limits.items():
        if name in _CONTAINER and Quantity.parse(value).nanos >= 0:
            continue
        at = f"{path}.limits[{name}]"
        causes += name_rule(name, at) + quantity_value(name, value, at)
        if name.startswith(HUGEPAGES):
            causes += _hugepages_value(name, value, at)
    for name, value in requests.items():
        limit = limits.get(name)
        amount = Quantity.parse(value)
        if name in _CONTAINER and amount.nanos >= 0:
            if limit is not None and amount > Quantity.parse(limit):
                detail = f"must be less than or equal to {name} limit of {limit}"
                causes.append(invalid_value(f"{path}.requests", value, detail))
            continue
        at = f"{path}.requests[{name}]"
        causes += name_rule(name, at) + quantity_value(name, value, at)
        if limit is None:
            if not may_overcommit(name):
                detail = "Limit must be set for non overcommitable resources"
                causes.append(required(f"{path}.limits", detail))
        elif amount != Quantity.parse(limit) and not may_overcommit(name):
            detail = f"must be equal to {name} limit of {limit}"
            causes.append(invalid_value(f"{path}.requests", value, detail))
        elif amount > Quantity.parse(limit):
            detail = f"must be less than or equal to {name} limit of {limit}"
            causes.append(invalid_value(f"{path}.requests", value, detail))
        if name.startswith(HUGEPAGES):
            causes += _hugepages_value(name, value, at)
    asked = limits.keys() | requests.keys() if limits and requests else limits or requests
    if asked and _COMPUTE.isdisjoint(asked) and any(name.startswith(HUGEPAGES) for name in asked):
        causes.append(forbidden_field(path, "HugePages require cpu or memory"))
    if claims := resources.get("claims"):
        causes += _claims(claims, claim_names, f"{path}.claims")
    return causes


def _claims(claims: list[Obj], known: Collection[str], path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        at, name, request = f"{path}[{index}]", claim.get("name") or "", claim.get("request") or ""
        if not name:
            causes.append(required(at))
            continue
        key = f"{name}/{request}" if request else name
        if name in seen:
            causes.append(duplicate(at, name))
        else:
            if request:
                causes += dns_label(request, f"{at}.request")
            if key in seen:
                causes.append(duplicate(at, key))
            elif not request and any(other.startswith(f"{name}/") for other in seen):
                causes.append(duplicate(at, name))
            seen.add(key)
        if name not in known:
            detail = "must be one of the names in pod.spec.resourceClaims"
            detail += f": {', '.join(sorted(known))}" if known else " which is empty"
            causes.append(Cause("FieldValueNotFound", f'Not found: "{name}": {detail}', at))
    return causes


def amount(value: str, path: str) -> list[Cause]:
    """Check that an amount is not negative."""
    if Quantity.parse(value).nanos < 0:
        return [invalid_value(path, value, "must be greater than or equal to 0")]
    return []


def is_quota_resource(name: str) -> bool:
    """True for what quotas know by a standard name."""
    return name in QUOTA or _is_hugepages(name)
