"""Printer of nodes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubepy.api.printers.base import (
    NONE,
    UNKNOWN,
    Printer,
    age_column,
    age_of,
    column,
    doc,
    name_column,
    name_of,
)
from kubepy.machinery import conditions
from kubepy.machinery.meta import Obj, labels

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"


def roles(node: Obj) -> list[str]:
    """Return the roles that a node's labels give it, sorted."""
    found = set()
    for key, value in labels(node).items():
        if key.startswith(_ROLE_PREFIX) and key != _ROLE_PREFIX:
            found.add(key.removeprefix(_ROLE_PREFIX))
        elif key == _ROLE_LABEL and value:
            found.add(value)
    return sorted(found)


def status_of(node: Obj) -> str:
    """Return the STATUS cell: Ready, NotReady or Unknown, and SchedulingDisabled when cordoned."""
    ready = conditions.get(node, "Ready")
    words = ["Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"]
    if (node.get("spec") or {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _address(node: Obj, type: str) -> str:
    for address in (node.get("status") or {}).get("addresses") or ():
        if address.get("type") == type:
            return address.get("address") or NONE
    return NONE


def _row(node: Obj, now: datetime) -> list[Any]:
    info = (node.get("status") or {}).get("nodeInfo") or {}
    return [
        name_of(node),
        status_of(node),
        ",".join(roles(node)) or NONE,
        age_of(node, now),
        info.get("kubeletVersion") or "",
        _address(node, "InternalIP"),
        _address(node, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def nodes() -> Printer:
    """Return the printer of nodes."""
    info = "core.v1.NodeSystemInfo"
    addresses = doc("core.v1.NodeStatus", "addresses")
    return Printer(
        [
            name_column(),
            column("Status", "The status of the node"),
            column("Roles", "The roles of the node"),
            age_column(),
            column("Version", doc(info, "kubeletVersion")),
            column("Internal-IP", addresses, wide=True),
            column("External-IP", addresses, wide=True),
            column("OS-Image", doc(info, "osImage"), wide=True),
            column("Kernel-Version", doc(info, "kernelVersion"), wide=True),
            column("Container-Runtime", doc(info, "containerRuntimeVersion"), wide=True),
        ],
        _row,
    )
