"""How much a pod asks for (KEP-753 for sidecars; KEP-1287 and pod-level resources where given). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity, parse_bytes, parse_cpu_milli

Resources = dict[str, int]
"""cpu in thousandths, everything else in its own unit (bytes, pieces)."""

DEFAULT_CPU_MILLI = 100  # what scores count for a container that asks for nothing
DEFAULT_MEMORY = 200 << 20


def parse(quantities: Mapping[str, Any] | None) -> Resources:
    """Resource quantities as integers."""
    return {name: amount(name, value) for name, value in (quantities or {}).items()}


def amount(name: str, value: Any) -> int:
    if name == "cpu":
        return parse_cpu_milli(value)
    if name in ("memory", "ephemeral-storage") or name.startswith("hugepages-"):
        return parse_bytes(value)
    return Quantity.parse(str(value)).value()


def pod_requests(pod: Obj, *, non_zero: bool = False) -> Resources:
    """What the pod needs at its hungriest moment.

    The containers and sidecars together, or an init container with the sidecars started before it,
    whichever is more; plus the runtime's overhead. ``non_zero``: containers without a request count
    with a small default, as scores want it.
    """
    spec = pod["spec"]
    running: Resources = {}
    for container in spec.get("containers") or ():
        _add(running, _requests(container, non_zero))
    sidecars: Resources = {}
    peak: Resources = {}
    for container in spec.get("initContainers") or ():
        own = _requests(container, non_zero)
        if container.get("restartPolicy") == "Always":
            _add(running, own)
            _add(sidecars, own)
            own = sidecars
        else:
            own = dict(own)
            _add(own, sidecars)
        _maximum(peak, own)
    _maximum(running, peak)
    running.update(parse((spec.get("resources") or {}).get("requests")))
    _add(running, parse(spec.get("overhead")))
    return running


def _requests(container: Obj, non_zero: bool) -> Resources:
    found = parse((container.get("resources") or {}).get("requests"))
    if non_zero:
        found.setdefault("cpu", DEFAULT_CPU_MILLI)
        found.setdefault("memory", DEFAULT_MEMORY)
    return found


def _add(total: Resources, more: Resources) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _maximum(total: Resources, other: Resources) -> None:
    for name, value in other.items():
        total[name] = max(total.get(name, 0), value)
