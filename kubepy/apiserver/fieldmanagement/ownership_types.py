"""The compiled type of each kind, and the object from which a creation is counted."""

from __future__ import annotations

from typing import Any

from kubepy.api import schemas
from kubepy.api.kind import Kind
from kubepy.machinery.apply.compiler import Compiler
from kubepy.machinery.apply.types import DEDUCED, MapType, Type
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema

_CORE = "io.k8s.api.core.v1."
_APPS = "io.k8s.api.apps.v1."
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

# What Kubernetes' published schemas give as defaults of fields that are keys of associative lists.
_KEY_DEFAULTS = {
    f"{_CORE}ContainerPort": {"protocol": "TCP"},
    f"{_CORE}ServicePort": {"protocol": "TCP"},
    f"{_CORE}LocalObjectReference": {"name": ""},
}

# Optional structs that Go's types hold by value, so that they are there in every object. Those that are
# required are too, and so are all of the name metadata, spec and status.
_VALUE_STRUCTS = {
    f"{_APPS}DeploymentSpec": ("strategy",),
    f"{_APPS}DaemonSetSpec": ("updateStrategy",),
    f"{_APPS}StatefulSetSpec": ("updateStrategy",),
    f"{_APPS}ReplicaSetSpec": ("template",),
    f"{_CORE}PodTemplate": ("template",),
    f"{_CORE}PersistentVolumeClaimSpec": ("resources",),
    f"{_CORE}NodeStatus": ("daemonEndpoints", "nodeInfo"),
    f"{_CORE}NodeDaemonEndpoints": ("kubeletEndpoint",),
    f"{_CORE}ServiceStatus": ("loadBalancer",),
    f"{_CORE}Event": ("source",),
    "io.k8s.api.networking.v1.IngressStatus": ("loadBalancer",),
    "io.k8s.api.resource.v1.ResourceClaimSpec": ("devices",),
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus": (
        "acceptedNames",
    ),
}
_BY_VALUE = ("metadata", "spec", "status")

_builtin = Compiler(_KEY_DEFAULTS)


def type_of(kind: Kind) -> Type:
    """The compiled type of a kind. A custom resource's metadata is every kind's."""
    if kind.strategic:
        return _builtin.compile(kind.schema)
    compiled = Compiler().compile(kind.schema)
    made = MapType()
    known = dict(compiled.known) if isinstance(compiled, MapType) else {}
    known["metadata"] = _builtin.compile(schemas.store().definition(_OBJECT_META))
    for field in ("apiVersion", "kind"):
        known.setdefault(field, _builtin.compile(Schema({"type": "string"})))
    made.complete(known, compiled.values if isinstance(compiled, MapType) else DEDUCED)
    return made


def plain_type(schema: Schema) -> Type:
    """The compiled type of a kind that is no resource of its own."""
    return _builtin.compile(schema)


def empty(kind: Kind) -> Obj:
    """What a creation adds its fields to: the kind's zero value in Go, for a custom resource nothing."""
    if not kind.strategic:
        return {"metadata": {}}
    zero: Obj = {"metadata": {}, **_zero(kind.schema)}
    return zero


def _zero(schema: Schema) -> dict[str, Any]:
    made: dict[str, Any] = {}
    optional = _VALUE_STRUCTS.get(schema.name, ())
    for name, field in schema.properties.items():
        if name not in schema.required and name not in optional and name not in _BY_VALUE:
            continue
        if field.properties and field.type == "object":
            made[name] = _zero(field)
        elif field.type in ("object", "array"):
            made[name] = None
    return made
