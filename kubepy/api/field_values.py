"""Field selectors: which fields of which kind they may name, and their values in an object.

An unknown field is a 400 in Kubernetes: `field label not supported: spec.foo`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubepy.api import resources as r
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


_ZERO = {
    "spec.hostNetwork": "false",
    "spec.unschedulable": "false",
    "status.successful": "0",
    "status.replicas": "0",
}

_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

# Selector name -> path in the object; most are the same.
_FIELDS: dict[GVR, dict[str, tuple[str, ...]]] = {
    r.PODS: {
        name: tuple(name.split("."))
        for name in (
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        )
    },
    r.NODES: {"spec.unschedulable": ("spec", "unschedulable")},
    r.NAMESPACES: {"status.phase": ("status", "phase")},
    r.SECRETS: {"type": ("type",)},
    r.SERVICES: {"spec.clusterIP": ("spec", "clusterIP"), "spec.type": ("spec", "type")},
    r.JOBS: {"status.successful": ("status", "succeeded")},
    r.REPLICA_SETS: {"status.replicas": ("status", "replicas")},
    r.REPLICATION_CONTROLLERS: {"status.replicas": ("status", "replicas")},
    r.CSRS: {"spec.signerName": ("spec", "signerName")},
    r.RESOURCE_SLICES: {
        "spec.nodeName": ("spec", "nodeName"),
        "spec.driver": ("spec", "driver"),
    },
    r.EVENTS: {
        **{f"involvedObject.{name}": ("involvedObject", name) for name in _INVOLVED},
        "reason": ("reason",),
        "reportingComponent": ("reportingComponent",),
        "type": ("type",),
    },
    r.EVENTS_V1: {
        **{f"regarding.{name}": ("regarding", name) for name in _INVOLVED},
        "reason": ("reason",),
        "reportingController": ("reportingController",),
        "type": ("type",),
    },
}


def _event_source(obj: Obj) -> str:
    # An event of the new API names only its reporting component; the old selector finds it too.
    return (obj.get("source") or {}).get("component") or obj.get("reportingComponent") or ""


_EXTRA: dict[GVR, dict[str, Callable[[Obj], str]]] = {r.EVENTS: {"source": _event_source}}
_METADATA = ("metadata.name", "metadata.namespace")


def selectable_fields(gvr: GVR) -> frozenset[str]:
    """Return the names that field selectors of the resource may use."""
    resource = r.BY_GVR.get(gvr)
    always = _METADATA if resource is None or resource.namespaced else _METADATA[:1]
    return frozenset((*always, *_FIELDS.get(gvr, ()), *_EXTRA.get(gvr, ())))


def field_values(gvr: GVR, obj: Obj) -> dict[str, str]:
    """Return the values of all selectable fields (absent ones as their zero value)."""
    metadata = obj.get("metadata") or {}
    values = {
        "metadata.name": metadata.get("name") or "",
        "metadata.namespace": metadata.get("namespace") or "",
    }
    for name, path in _FIELDS.get(gvr, {}).items():
        current: Any = obj
        for part in path:
            current = current.get(part) if isinstance(current, dict) else None
        values[name] = _text(current) or _ZERO.get(name, "")
    for name, read in _EXTRA.get(gvr, {}).items():
        values[name] = read(obj)
    return values
