"""The schema package's file: every field of every built-in kind, read once and only when first asked for.

Definitions come from the PyPI package kubernetes-validate; nobody types a schema by hand.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import orjson

from kubepy.machinery.gvk import GVK
from kubepy.machinery.schema import Schema, SchemaStore

VERSION = "v1.36.0"

_PREFIXES = {
    "": "io.k8s.api.core",
    "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    "apiregistration.k8s.io": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
    "internal.apiserver.k8s.io": "io.k8s.api.apiserverinternal",
}
_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_META_KINDS = frozenset(
    ("APIGroup", "APIGroupList", "APIResourceList", "APIVersions", "DeleteOptions", "Status", "WatchEvent")
)


def definition_name(gvk: GVK) -> str:
    """Return the key under which the kind is defined ("io.k8s.api.apps.v1.Deployment")."""
    if gvk.kind in _META_KINDS:
        return f"{_META}.{gvk.kind}"
    prefix = _PREFIXES.get(gvk.group) or f"io.k8s.api.{gvk.group.split('.')[0]}"
    return f"{prefix}.{gvk.version}.{gvk.kind}"


@functools.cache
def store() -> SchemaStore:
    """Return all definitions (takes about 10 ms the first time)."""
    # find_spec instead of an import: the package's own modules would load a JSON Schema library.
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        raise RuntimeError("the Python package kubernetes-validate is not installed")
    folder = Path(spec.origin).parent / "kubernetes-json-schema" / f"{VERSION}-local"
    definitions: dict[str, Any] = orjson.loads((folder / "_definitions.json").read_bytes())["$defs"]
    return SchemaStore(definitions)


def schema(gvk: GVK) -> Schema:
    """Return the schema of a built-in kind; KeyError when there is none."""
    return store().definition(definition_name(gvk))
