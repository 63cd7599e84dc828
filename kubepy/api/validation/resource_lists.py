"""Rules of resource requirements: names and amounts of requests and limits."""

from __future__ import annotations

from kubepy.api.validation.rules import all_messages
from kubepy.machinery import names
from kubepy.machinery.field_errors import Cause, invalid_value, required
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import ZERO, Quantity

_STANDARD = frozenset(("cpu", "memory", "ephemeral-storage"))
_HUGEPAGES = "hugepages-"


def resource_name(name: str, path: str) -> list[Cause]:
    """Check the name of a resource that a container asks for."""
    causes = all_messages(path, name, names.qualified_name(name))
    if not causes and "/" not in name and name not in _STANDARD and not name.startswith(_HUGEPAGES):
        causes.append(invalid_value(path, name, "must be a standard resource for containers"))
    return causes


def amount(value: str, path: str) -> list[Cause]:
    """Check that an amount is not negative."""
    if Quantity.parse(value) < ZERO:
        return [invalid_value(path, value, "must be greater than or equal to 0")]
    return []


def _may_overcommit(name: str) -> bool:
    return "/" not in name and not name.startswith(_HUGEPAGES)


def validate_requirements(resources: Obj, path: str) -> list[Cause]:
    """Check requests and limits of a container."""
    causes: list[Cause] = []
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for field, amounts in (("limits", limits), ("requests", requests)):
        for name, value in amounts.items():
            at = f"{path}.{field}[{name}]"
            causes += resource_name(name, f"{path}.{field}")
            causes += amount(value, at)
            if "/" in name and Quantity.parse(value).milli_value() % 1000:
                causes.append(invalid_value(at, value, "must be an integer"))
    for name, value in requests.items():
        at = f"{path}.requests"
        limit = limits.get(name)
        if limit is not None:
            if Quantity.parse(value) != Quantity.parse(limit) and not _may_overcommit(name):
                causes.append(invalid_value(at, value, f"must be equal to {name} limit of {limit}"))
            elif Quantity.parse(value) > Quantity.parse(limit):
                causes.append(
                    invalid_value(at, value, f"must be less than or equal to {name} limit of {limit}")
                )
        elif not _may_overcommit(name):
            causes.append(required(f"{path}.limits", "Limit must be set for non overcommitable resources"))
    return causes
