"""Warnings about pods and templates that are valid but probably not what was meant."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.machinery.field_errors import quote
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

_DEPRECATED_NODE_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": (
        'deprecated since v1.17; use "topology.kubernetes.io/region" instead'
    ),
    "failure-domain.beta.kubernetes.io/zone": (
        'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
    ),
    "beta.kubernetes.io/instance-type": (
        'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'
    ),
}


def pod_warnings(pod: Obj) -> list[str]:
    """Return the warnings of a pod."""
    return _spec_warnings(pod.get("spec") or {}, "spec")


def template_warnings(*path: str) -> Callable[[Obj], list[str]]:
    """Return a function that gives the warnings of the pod template at a path of an object."""

    def warnings(obj: Obj) -> list[str]:
        holder = obj
        for field in path:
            holder = holder.get(field) or {}
        return _spec_warnings(holder.get("spec") or {}, f"{'.'.join(path)}.spec")

    return warnings


def _spec_warnings(spec: Obj, path: str) -> list[str]:
    found = [
        f"{path}.nodeSelector[{label}]: {_DEPRECATED_NODE_LABELS[label]}"
        for label in spec.get("nodeSelector") or ()
        if label in _DEPRECATED_NODE_LABELS
    ]
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        found.append(
            f"{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be "
            "treated as 1"
        )
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            found += _container_warnings(container, f"{path}.{field}[{index}]")
    return found


def _container_warnings(container: Obj, path: str) -> list[str]:
    found: list[str] = []
    seen: set[str] = set()
    for index, variable in enumerate(container.get("env") or ()):
        name = variable.get("name") or ""
        if name in seen:
            found.append(
                f"{path}.env[{index}]: hides previous definition of {quote(name)}, which may be dropped when "
                "using apply"
            )
        seen.add(name)
    resources = container.get("resources") or {}
    for field in ("limits", "requests"):
        for name in ("memory", "ephemeral-storage"):
            amount = (resources.get(field) or {}).get(name)
            if amount is not None and Quantity.parse(amount).milli_value() % 1000:
                found.append(
                    f"{path}.resources.{field}[{name}]: fractional byte value {quote(amount)} is invalid, "
                    "must be an integer"
                )
    return found
