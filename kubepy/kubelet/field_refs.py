"""fieldRef and resourceFieldRef: a pod's own fields as environment variables and files. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kubepy.kubelet.errors import ContainerConfigError
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")


@dataclass(frozen=True)
class FieldContext:
    """What of a pod's fields the API may not know yet, and the node's allocatable resources."""

    host_ips: tuple[str, ...] = ()
    pod_ips: tuple[str, ...] = ()
    allocatable: Mapping[str, str] = field(default_factory=dict)


def field_value(pod: Obj, path: str, context: FieldContext) -> str:
    """The text of a field; raises ContainerConfigError for one that is not supported."""
    spec = pod.get("spec") or {}
    if match := _SUBSCRIPT.fullmatch(path):
        holder = meta.labels(pod) if match[1] == "labels" else meta.annotations(pod)
        return holder.get(match[2], "")
    simple = {
        "metadata.name": meta.name(pod),
        "metadata.namespace": meta.namespace(pod),
        "metadata.uid": meta.uid(pod),
        "metadata.labels": format_map(meta.labels(pod)),
        "metadata.annotations": format_map(meta.annotations(pod)),
        "spec.nodeName": spec.get("nodeName") or "",
        "spec.serviceAccountName": spec.get("serviceAccountName") or "",
        "status.hostIP": next(iter(context.host_ips), ""),
        "status.hostIPs": ",".join(context.host_ips),
        "status.podIP": next(iter(context.pod_ips), ""),
        "status.podIPs": ",".join(context.pod_ips),
    }
    if path not in simple:
        raise ContainerConfigError(f"unsupported fieldPath: {path}")
    return simple[path]


def format_map(values: Mapping[str, str]) -> str:
    """Labels or annotations as downward API files have them: key="value", sorted."""
    return "\n".join(f'{key}="{_escape(value)}"' for key, value in sorted(values.items()))


def _escape(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def resource_value(pod: Obj, ref: Obj, context: FieldContext, container: Obj | None = None) -> str:
    """A container's request or limit divided by the divisor and rounded up.

    A limit that is not set is the node's allocatable amount.
    """
    spec = pod.get("spec") or {}
    name = ref.get("containerName")
    if name:
        known = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        container = next((c for c in known if c["name"] == name), None)
    if container is None:
        raise ContainerConfigError(f"container {name} not found")
    kind, _, resource = str(ref.get("resource") or "").partition(".")
    if kind not in ("limits", "requests") or not resource:
        raise ContainerConfigError(f"unsupported container resource : {ref.get('resource')}")
    resources = container.get("resources") or {}
    amount = (resources.get(kind) or {}).get(resource)
    if amount is None and kind == "limits":
        amount = context.allocatable.get(resource)
    quantity = Quantity.parse(amount if amount is not None else "0")
    divisor = Quantity.parse(ref.get("divisor") or "1")
    if not divisor:
        divisor = Quantity.parse("1")
    return str(-(-quantity.nanos // divisor.nanos))
