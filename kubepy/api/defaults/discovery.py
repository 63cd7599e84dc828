"""Defaults of the group discovery.k8s.io."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj


def _endpoint_slice(endpoint_slice: Obj) -> None:
    for port in endpoint_slice.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK("discovery.k8s.io", "v1", "EndpointSlice"): _endpoint_slice
}
