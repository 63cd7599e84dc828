"""A schema with every kind of ownership, and a strategy that makes objects of it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kubepy.machinery.apply.compiler import Compiler
from kubepy.machinery.schema import Schema, SchemaStore

_DEFINITIONS: dict[str, Any] = {
    "Port": {
        "type": "object",
        "properties": {
            "port": {"type": "integer"},
            "protocol": {"type": "string", "default": "TCP"},
            "name": {"type": "string"},
        },
    },
    "Container": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "image": {"type": "string"},
            "command": {"type": "array", "items": {"type": "string"}},
            "ports": {
                "type": "array",
                "items": {"$ref": "#/$defs/Port"},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["port", "protocol"],
            },
            "limits": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
    "Tree": {
        "type": "object",
        "properties": {
            "value": {"type": "integer"},
            "children": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Tree"}},
        },
    },
}
_NODE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "replicas": {"type": "integer"},
        "paused": {"type": "boolean"},
        "strategy": {
            "type": "object",
            "properties": {"type": {"type": "string"}, "surge": {"type": "integer"}},
        },
        "selector": {
            "type": "object",
            "x-kubernetes-map-type": "atomic",
            "properties": {
                "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "finalizers": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "args": {"type": "array", "items": {"type": "string"}},
        "containers": {
            "type": "array",
            "items": {"$ref": "#/$defs/Container"},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "tree": {"$ref": "#/$defs/Tree"},
        "port": {"x-kubernetes-int-or-string": True},
    },
}

TYPE = Compiler().compile(Schema(_NODE, SchemaStore(_DEFINITIONS)))

_words = st.sampled_from(["a", "b", "c", 'q"x'])
_ports = st.fixed_dictionaries(
    {"port": st.integers(1, 3)},
    optional={"protocol": st.sampled_from(["TCP", "UDP"]), "name": _words},
)
_containers = st.fixed_dictionaries(
    {"name": _words},
    optional={
        "image": _words,
        "command": st.lists(_words, max_size=2),
        "ports": st.lists(
            _ports, max_size=2, unique_by=lambda port: (port["port"], port.get("protocol", "TCP"))
        ),
        "limits": st.dictionaries(_words, _words, max_size=2),
    },
)
_free = st.recursive(
    st.integers(0, 2) | _words | st.lists(_words, max_size=2),
    lambda inner: st.dictionaries(_words, inner, max_size=2),
    max_leaves=4,
)
objects = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 3),
        "paused": st.booleans(),
        "strategy": st.fixed_dictionaries({}, optional={"type": _words, "surge": st.integers(0, 2)}),
        "selector": st.fixed_dictionaries({"matchLabels": st.dictionaries(_words, _words, max_size=2)}),
        "labels": st.dictionaries(_words, _words, max_size=3),
        "finalizers": st.lists(_words, max_size=3, unique=True),
        "args": st.lists(_words, max_size=2),
        "containers": st.lists(_containers, max_size=3, unique_by=lambda container: container["name"]),
        "free": st.dictionaries(_words, _free, max_size=2),
        "port": st.integers(1, 2) | _words,
    },
)
