"""Whatever decodes is answered with causes, never with a failure of the server."""

import random
from typing import Any

import pytest

from kubepy.api.resources import RESOURCES
from kubepy.api.scheme import SCHEME
from kubepy.api.validation import registry
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import deep_copy
from kubepy.machinery.schema import Schema

Obj = dict[str, Any]
KINDS = [
    SCHEME.kind(resource.gvr)
    for resource in RESOURCES
    if resource.gk in registry.rules_of_group(resource.gk.group)
]
WORDS = (
    "",
    "a",
    "A_b",
    "x/y",
    "None",
    "Always",
    "ClusterIP",
    "Local",
    "10.0.0.1",
    "::1",
    "10.0.0.0/8",
    "..",
    "5%",
)
NUMBERS = (-1, 0, 1, 5, 100000)
AMOUNTS = ("0", "-1", "1", "1500m", "2Gi")


class Maker:
    """Makes values of schemas, small and odd."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def value(self, schema: Schema, depth: int) -> Any:
        """One value."""
        if schema.is_quantity:
            return self.rng.choice(AMOUNTS)
        if schema.is_int_or_string:
            return self.rng.choice((*NUMBERS, *WORDS))
        match schema.type:
            case "string":
                if schema.format == "date-time":
                    return "2026-01-01T00:00:00Z"
                return "YQ==" if schema.format == "byte" else self.rng.choice(WORDS)
            case "integer" | "number":
                return self.rng.choice(NUMBERS)
            case "boolean":
                return self.rng.random() < 0.5
            case "array":
                count = self.rng.randrange(3) if depth > 0 and schema.items is not None else 0
                return [self.value(schema.items, depth - 1) for _ in range(count) if schema.items]
        return self.struct(schema, depth)

    def struct(self, schema: Schema, depth: int) -> Obj:
        """An object with some of its fields."""
        if schema.raw.get("properties"):
            chance = 0.7 if depth > 4 else 0.35
            return {
                name: self.value(field, depth - 1)
                for name, field in schema.properties.items()
                if depth > 0 and name not in ("apiVersion", "kind", "metadata") and self.rng.random() < chance
            }
        if schema.additional is not None and depth > 0:
            return {w: self.value(schema.additional, depth - 1) for w in self.rng.sample(WORDS, 2)}
        return {}


@pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: f"{kind.resource.gvk.kind}-{kind.resource.gvk.group}"
)
def test_odd_objects(kind: Any) -> None:
    gvk = kind.resource.gvk
    for seed in range(25):
        maker = Maker(seed)
        pair: list[Obj] = []
        for _ in range(2):
            obj = maker.struct(kind.schema, 7)
            obj |= {"apiVersion": gvk.api_version, "kind": gvk.kind}
            obj["metadata"] = {"name": "x", "uid": "u", "resourceVersion": "1"}
            if kind.resource.namespaced:
                obj["metadata"]["namespace"] = "n"
            if "spec" in kind.schema.properties:
                obj.setdefault("spec", {})
            try:
                kind.decode(obj)
            except StatusError:
                continue
            kind.default(obj)
            pair.append(obj)
        for obj in pair:
            new = deep_copy(obj)
            kind.prepare_for_create(new)
            kind.validate_create(new)
            kind.warnings(new)
        if len(pair) == 2:
            for subresource in ("", *(s.name for s in kind.resource.subresources if s.gvk == gvk)):
                new, old = deep_copy(pair[0]), deep_copy(pair[1])
                kind.prepare_for_update(new, old, subresource)
                kind.validate_update(new, old, subresource)
