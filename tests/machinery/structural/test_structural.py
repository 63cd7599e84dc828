"""Structural schemas: what they drop, fill in, refuse, and what keeps a schema from being one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepy.machinery.structural import Compiled, check, rule_checks


def compiled(**properties: Any) -> Compiled:
    return Compiled({"type": "object", "properties": properties})


def obj(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "n", "odd": 1}, **fields}


def causes(schema: dict[str, Any], value: Any, old: Any = None) -> list[str]:
    made = compiled(spec=schema)
    return [str(c) for c in made.validate(obj(spec=value), None if old is None else obj(spec=old))]


def test_pruning_keeps_what_is_specified_and_what_every_object_has() -> None:
    schema = compiled(
        spec={
            "type": "object",
            "properties": {
                "a": {"type": "string"},
                "list": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"x": {"type": "integer"}}},
                },
                "map": {
                    "type": "object",
                    "additionalProperties": {"type": "object", "properties": {"x": {"type": "integer"}}},
                },
                "free": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"tight": {"type": "object"}},
                },
                "embedded": {
                    "type": "object",
                    "x-kubernetes-embedded-resource": True,
                    "properties": {"spec": {"type": "object"}},
                },
                "nothing": {"type": "object"},
            },
        }
    )
    value = obj(
        other=1,
        spec={
            "a": "s",
            "b": 1,
            "list": [{"x": 1}, {"x": 2, "y": 3}],
            "map": {"k": {"x": 1, "z": 2}},
            "free": {"any": 1, "tight": {"q": 1}},
            "embedded": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "other": 1},
            "nothing": {"q": 1},
        },
    )
    assert schema.prune(value) == [
        "other",
        "spec.b",
        "spec.list[1].y",
        "spec.map.k.z",
        "spec.free.tight.q",
        "spec.embedded.other",
        "spec.nothing.q",
    ]
    assert value["spec"] == {
        "a": "s",
        "list": [{"x": 1}, {"x": 2}],
        "map": {"k": {"x": 1}},
        "free": {"any": 1, "tight": {}},
        "embedded": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}},
        "nothing": {},
    }
    assert value["metadata"] == {"name": "n", "odd": 1}


def test_defaults_reach_into_defaults_and_nulls_make_room_for_them() -> None:
    schema = compiled(
        spec={
            "type": "object",
            "default": {},
            "properties": {
                "a": {"type": "string", "default": "A"},
                "n": {"type": "string", "default": "N", "nullable": True},
                "items": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"x": {"type": "integer", "default": 7}}},
                },
                "deep": {
                    "type": "object",
                    "default": {"list": [1]},
                    "properties": {
                        "y": {"type": "integer", "default": 1},
                        "list": {"type": "array", "items": {"type": "integer"}},
                    },
                },
            },
        }
    )
    empty = obj()
    schema.default(empty)
    assert empty["spec"] == {"a": "A", "n": "N", "deep": {"list": [1], "y": 1}}
    empty["spec"]["deep"]["list"].append(2)
    again = obj(spec={"a": None, "n": None, "items": [{}, {"x": 1}]})
    schema.prune(again)
    schema.default(again)
    assert again["spec"] == {
        "a": "A",
        "n": None,
        "items": [{"x": 7}, {"x": 1}],
        "deep": {"list": [1], "y": 1},
    }


IN_BODY = "spec: Invalid value: "


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "integer"}, "x", [IN_BODY + '"string": spec in body must be of type integer: "string"']),
        ({"type": "integer"}, True, [IN_BODY + '"boolean": spec in body must be of type integer: "boolean"']),
        ({"type": "number"}, 1, []),
        ({"type": "integer"}, 1.5, [IN_BODY + '"number": spec in body must be of type integer: "number"']),
        ({"type": "string", "nullable": True}, None, []),
        ({"type": "array", "items": {"type": "string"}}, [None], ['spec[0]: Invalid value: "null": spec[0] in body must be of type string: "null"']),
        ({"x-kubernetes-int-or-string": True}, [], [IN_BODY + '"array": spec in body must be of type integer,string: "array"']),
        ({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}, {}, ["spec.a: Required value"]),
        ({"type": "string", "enum": ["a", "b"]}, "c", ['spec: Unsupported value: "c": supported values: "a", "b"']),
        ({"type": "integer", "minimum": 1}, 0, [IN_BODY + "0: spec in body should be greater than or equal to 1"]),
        ({"type": "integer", "maximum": 1, "exclusiveMaximum": True}, 1, [IN_BODY + "1: spec in body should be less than 1"]),
        ({"type": "integer", "multipleOf": 5}, 7, [IN_BODY + "7: spec in body should be a multiple of 5"]),
        ({"type": "string", "minLength": 2}, "x", [IN_BODY + '"x": spec in body should be at least 2 chars long']),
        ({"type": "string", "maxLength": 2}, "xyz", ["spec: Too long: may not be more than 2 bytes"]),
        ({"type": "string", "pattern": "^a+$"}, "b", [IN_BODY + "\"b\": spec in body should match '^a+$'"]),
        ({"type": "string", "format": "ipv4"}, "x", [IN_BODY + '"x": spec in body must be of type ipv4: "x"']),
        ({"type": "string", "format": "date-time"}, "2024-01-01T00:00:00Z", []),
        ({"type": "string", "format": "unheard-of"}, "x", []),
        ({"type": "array", "minItems": 1, "items": {"type": "string"}}, [], [IN_BODY + "[]: spec in body should have at least 1 items"]),
        ({"type": "array", "maxItems": 1, "items": {"type": "string"}}, ["a", "b"], ["spec: Too many: 2: must have at most 1 item"]),
        ({"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}, {}, [IN_BODY + "{}: spec in body should have at least 1 properties"]),
        ({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}, ["a", "b", "a"], ['spec[2]: Duplicate value: "a"']),
        (
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"a": "", "b": ""},
            [IN_BODY + '"": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
        ),
        (
            {"type": "string", "not": {"enum": ["root"]}},
            "root",
            [IN_BODY + '"": "spec" must not validate the schema (not)'],
        ),
        (
            {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
            {"kind": "Pod"},
            ["spec.apiVersion: Required value: must not be empty"],
        ),
        ({"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}, "10%", []),
    ],
)  # fmt: skip
def test_values_are_refused_in_the_words_of_openapi(schema: Any, value: Any, expected: list[str]) -> None:
    found = causes(schema, value)
    assert [c for c in found if not c.startswith("<nil>")] == expected


def rules(*texts: str | dict[str, Any], **schema: Any) -> dict[str, Any]:
    made = [{"rule": text} if isinstance(text, str) else text for text in texts]
    return {"x-kubernetes-validations": made, **schema}


NUMBERS = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "number"}, "x-y": {"type": "string"}},
}


def test_rules_explain_themselves() -> None:
    schema = rules(
        "self.a < 5",
        {"rule": "self.a != 6", "message": "not six"},
        {"rule": "self.a != 6", "messageExpression": "'%d is bad'.format([self.a])", "reason": "FieldValueForbidden", "fieldPath": ".a"},
        {"rule": "self.x__dash__y == 'z'"},
        {"rule": "self.b / 2.0 == 0.5"},
        **NUMBERS,
    )  # fmt: skip
    assert causes(schema, {"a": 6, "b": 1}) == [
        'spec: Invalid value: "object": failed rule: self.a < 5',
        'spec: Invalid value: "object": not six',
        "spec.a: Forbidden: 6 is bad",
        "spec: Invalid value: \"object\": no such key: x-y evaluating rule: self.x__dash__y == 'z'",
    ]


def test_transition_rules_need_an_old_value_and_ratcheting_spares_what_did_not_change() -> None:
    schema = rules(
        "self.a >= oldSelf.a",
        "self.b < 3.0",
        {"rule": "!oldSelf.hasValue() || self.b <= oldSelf.value().b + 1.0", "optionalOldSelf": True},
        **NUMBERS,
    )
    assert causes(schema, {"a": 1, "b": 1}) == []
    assert causes(schema, {"a": 1, "b": 9}, {"a": 1, "b": 9}) == []
    assert causes(schema, {"a": 0, "b": 1}, {"a": 1, "b": 1}) == [
        'spec: Invalid value: "object": failed rule: self.a >= oldSelf.a'
    ]
    assert len(causes(schema, {"a": 1, "b": 9}, {"a": 1, "b": 1})) == 2


def test_items_of_a_list_map_are_compared_by_key() -> None:
    item = rules(
        "self.v == oldSelf.v", type="object", properties={"k": {"type": "string"}, "v": {"type": "integer"}}
    )
    schema = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"],
        "items": item,
    }
    old = [{"k": "a", "v": 1}, {"k": "b", "v": 2}]
    assert causes(schema, [old[1], {"k": "c", "v": 9}, old[0]], old) == []
    assert causes(schema, [{"k": "b", "v": 3}], old) == [
        'spec[0]: Invalid value: "object": failed rule: self.v == oldSelf.v'
    ]


def test_ratcheting_compares_leaf_by_leaf() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "enum": ["x"]}, "b": {"type": "string", "enum": ["y"]}},
    }
    assert causes(schema, {"a": "old", "b": "y"}, {"a": "old"}) == []
    assert causes(schema, {"a": "old", "b": "n"}, {"a": "old"}) == [
        'spec.b: Unsupported value: "n": supported values: "y"'
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"properties": {"a": {}}}, 'p.properties[a].type: Required value: must not be empty for specified object fields'),
        ({"type": ""}, "p.type: Required value: must not be empty at the root"),
        ({"type": "string"}, 'p.type: Invalid value: "string": must be object at the root'),
        (
            {"properties": {"a": {"type": "integer", "x-kubernetes-int-or-string": True}}},
            "p.properties[a].type: Forbidden: must be empty if x-kubernetes-int-or-string is true",
        ),
        (
            {"anyOf": [{"type": "object"}]},
            "p.anyOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            {"not": {"properties": {"a": {"minimum": 1}}}},
            "p.properties[a]: Required value: because it is defined in p.not.properties[a]",
        ),
        ({"properties": {"a": {"type": "array"}}}, "p.properties[a].items: Required value: must be specified"),
        (
            {"properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}},
            "p.properties[metadata]: Forbidden: must not specify anything other than name and generateName, "
            "but metadata is implicitly specified",
        ),
    ],
)  # fmt: skip
def test_what_is_not_structural(change: dict[str, Any], expected: str) -> None:
    schema = copy.deepcopy({"type": "object", **change})
    assert expected in [str(cause) for cause in check(schema, "p")]


def test_rules_are_compiled_and_priced() -> None:
    def found(schema: dict[str, Any]) -> str:
        wrapped = {"type": "object", "properties": {"spec": schema}}
        return "\n".join(map(str, rule_checks.check(wrapped, "p")))

    assert found(rules("self.a < 5", **NUMBERS)) == ""
    assert "undefined field 'nope'" in found(rules("self.nope", **NUMBERS))
    assert "cel expression must evaluate to a bool" in found(rules("self.a", **NUMBERS))
    nested = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}
    costly = found({**rules("self.all(x, x.all(y, self.all(z, z.all(w, w == y))))"), **nested})
    assert "estimated rule cost exceeds budget by factor of more than 100x" in costly
    bounded = {
        "type": "array",
        "maxItems": 5,
        "items": {"type": "array", "maxItems": 5, "items": {"type": "integer"}},
    }
    assert found({**rules("self.all(x, x.all(y, self.all(z, z.all(w, w == y))))"), **bounded}) == ""
    inside = {"type": "array", "items": rules("self == oldSelf", type="string")}
    assert "oldSelf cannot be used on the uncorrelatable portion of the schema within" in found(inside)
    assert "messageExpression compilation failed" in found(
        rules({"rule": "true", "messageExpression": "nope"}, **NUMBERS)
    )
    assert "does not refer to a valid field" in found(rules({"rule": "true", "fieldPath": ".q"}, **NUMBERS))


def test_the_order_of_sets_and_maps_means_nothing_to_rules() -> None:
    listed = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"],
        "items": {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}},
    }
    schema = rules(
        "self.set == oldSelf.set && self.map == oldSelf.map",
        "(self.set + ['a', 'z']).size() == 3",
        type="object",
        properties={
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "map": listed,
        },
    )
    old = {"set": ["a", "b"], "map": [{"k": "x", "v": 1}, {"k": "y", "v": 2}]}
    turned = {"set": ["b", "a"], "map": [{"k": "y", "v": 2}, {"k": "x", "v": 1}]}
    assert causes(schema, turned, old) == []
    assert len(causes(schema, {**turned, "map": [{"k": "y", "v": 9}, {"k": "x", "v": 1}]}, old)) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdk"), inner, max_size=4),
    max_leaves=12,
)


def _shape(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    scalars = st.sampled_from(
        [
            {"type": "string", "default": "x", "maxLength": 2},
            {"type": "integer", "minimum": 1},
            {"type": "number", "multipleOf": 2},
            {"type": "string", "format": "date-time", "nullable": True},
            {"x-kubernetes-int-or-string": True},
            {"x-kubernetes-preserve-unknown-fields": True},
            {"type": "boolean", "x-kubernetes-validations": [{"rule": "self"}]},
        ]
    )
    if depth == 0:
        return scalars
    inner = _shape(depth - 1)
    objects = st.dictionaries(st.sampled_from("abcd"), inner, max_size=3).map(
        lambda properties: {"type": "object", "properties": properties}
    )
    maps = inner.map(lambda value: {"type": "object", "additionalProperties": value})
    lists = inner.map(lambda item: {"type": "array", "items": item, "maxItems": 2})
    return scalars | objects | maps | lists


@settings(max_examples=300, deadline=None)
@given(_shape(3), _JSON, _JSON)
def test_any_value_meets_any_schema(schema: dict[str, Any], value: Any, old: Any) -> None:
    assert rule_checks.check({"type": "object", "properties": {"a": schema}}, "p") == []
    made = compiled(a=schema)
    one, two = obj(a=value), obj(a=old)
    for each in (one, two):
        made.prune(each)
        made.default(each)
        again = copy.deepcopy(each)
        assert made.prune(again) == []
        made.default(again)
        assert again == each
    made.validate(one)
    made.validate(one, two)
    if not made.validate(one):
        assert made.validate(one, one) == []
