"""Rules of resources that a pod asks for as a whole, beside those of its containers."""

from __future__ import annotations

from kubepy.api.validation.resource_lists import (
    HUGEPAGES,
    pod_resource_name,
    validate_requirements,
)
from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import ZERO, Quantity

_SUPPORTED = ("cpu", "memory")
Amounts = dict[str, Quantity]


def validate_pod_resources(spec: Obj, resources: Obj, path: str) -> list[Cause]:
    """Check spec.resources and that the containers fit into it."""
    causes: list[Cause] = []
    if "claims" in resources:
        detail = "claims cannot be set for Resources at pod-level"
        causes.append(forbidden_field(f"{path}.claims", detail))
    causes += validate_requirements(resources, path, (), pod_resource_name)
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, asked in _aggregate(spec).items():
        given = requests.get(name)
        if name not in _SUPPORTED and not name.startswith(HUGEPAGES):
            continue
        if asked > (Quantity.parse(given) if given is not None else ZERO):
            detail = f"must be greater than or equal to aggregate container requests of {asked}"
            causes.append(invalid_value(f"{path}.requests[{name}]", given or "0", detail))
    for index, container in enumerate(spec.get("containers") or ()):
        for name, limit in ((container.get("resources") or {}).get("limits") or {}).items():
            most = limits.get(name)
            if most is not None and Quantity.parse(limit) > Quantity.parse(most):
                at = f"{path}.containers[{index}][{name}].limits"
                detail = f"must be less than or equal to pod limits of {most}"
                causes.append(invalid_value(at, limit, detail))
    return causes


def _requests(container: Obj) -> Amounts:
    amounts = (container.get("resources") or {}).get("requests") or {}
    return {name: Quantity.parse(value) for name, value in amounts.items()}


def _aggregate(spec: Obj) -> Amounts:
    """Sum what runs together: containers and sidecars, or an init container beside earlier sidecars."""
    total: Amounts = {}
    for container in spec.get("containers") or ():
        _add(total, _requests(container))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        asked = _requests(container)
        if container.get("restartPolicy") == "Always":
            _add(total, asked)
            _add(sidecars, asked)
            asked = dict(sidecars)
        else:
            _add(asked, sidecars)
        _most(peak, asked)
    _most(total, peak)
    return total


def _add(total: Amounts, amounts: Amounts) -> None:
    for name, value in amounts.items():
        total[name] = total.get(name, ZERO) + value


def _most(total: Amounts, amounts: Amounts) -> None:
    for name, value in amounts.items():
        if value > total.get(name, ZERO):
            total[name] = value
