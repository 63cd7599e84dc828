"""Whatever is written into a CustomResourceDefinition's schema is refused or can be served."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubepy.api import resources as r
from kubepy.api.scheme import SCHEME
from kubepy.apiserver.customresources.definition import Definition
from kubepy.apiserver.customresources.kind import CustomKind
from kubepy.machinery.errors import StatusError

_ODD = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "x", "object", "array", "string", [], ["x"], {}, {"x": 1}]
)
_WORDS = (
    "type properties items additionalProperties required enum default format pattern minimum maxLength maxItems "
    "nullable allOf anyOf oneOf not x-kubernetes-int-or-string x-kubernetes-preserve-unknown-fields "
    "x-kubernetes-embedded-resource x-kubernetes-list-type x-kubernetes-list-map-keys x-kubernetes-map-type "
    "x-kubernetes-validations multipleOf uniqueItems $ref"
)
_GOOD: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"type": "string", "default": "a", "enum": ["a", "b"]},
        {"type": "integer", "maximum": 5, "x-kubernetes-validations": [{"rule": "self > 1"}]},
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        {"x-kubernetes-int-or-string": True},
        {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
    ]
)


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    return st.one_of(
        fields.map(lambda f: {"type": "object", "properties": f}),
        inner.map(lambda i: {"type": "array", "items": i}),
        inner.map(lambda i: {"type": "object", "additionalProperties": i}),
        st.dictionaries(
            st.sampled_from(_WORDS.split()), inner | _ODD | st.lists(inner, max_size=2) | fields, max_size=3
        ),
    )


@settings(max_examples=400, deadline=None)
@given(
    st.recursive(_GOOD, _schemas, max_leaves=6),
    st.recursive(_ODD, lambda i: st.dictionaries(st.sampled_from("abc"), i)),
)
def test_any_schema_is_refused_or_served(schema: Any, value: Any) -> None:
    crd: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com", "uid": "u"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}},
                }
            ],
        },
    }
    kind = SCHEME.kind(r.CRDS)
    try:
        kind.decode(crd)
    except StatusError:
        return
    kind.default(crd)
    if kind.validate_create(crd):
        return
    definition = Definition(crd)
    custom = CustomKind(definition, definition.versions[0])
    obj = {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "a", "uid": "u"},
        "spec": value,
    }
    custom.decode(obj)
    custom.default(obj)
    custom.prepare_for_create(obj)
    custom.validate_create(obj)
    custom.validate_update(obj, obj)
