"""Quantities, selectors, names, timestamps, metadata and conditions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepy.machinery import conditions, fields, intstr, labels, meta, names, timestamps
from kubepy.machinery.quantity import Quantity, canonical, parse_bytes, parse_cpu_milli


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("1Ki", "1Ki"),
        ("1023", "1023"),
        ("0.1Ki", "102400m"),
        ("1e3", "1e3"),
        ("1500e3", "1500e3"),
        ("0.1n", "1n"),
        ("-1.5", "-1500m"),
        ("1000k", "1M"),
        (".5", "500m"),
        ("0", "0"),
        ("100M", "100M"),
        (2, "2"),
        (0.25, "250m"),
    ],
)
def test_quantities_are_written_canonically(text: str, written: str) -> None:
    assert canonical(text) == written
    assert canonical(written) == written


@pytest.mark.parametrize("text", ["", "1x", "1 Gi", "1.2.3", "Gi", "1ki", "--1", "1e"])
def test_malformed_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match the regular expression"):
        Quantity.parse(text)


def test_quantity_arithmetic_and_rounding() -> None:
    assert str(Quantity.parse("100m") + Quantity.parse("0.9")) == "1"
    assert str(Quantity.parse("2Gi") - Quantity.parse("512Mi")) == "1536Mi"
    assert Quantity.parse("1Gi") > Quantity.parse("1G")
    assert Quantity.parse("1") == Quantity.parse("1000m")
    assert Quantity.parse("100m").value() == 1
    assert Quantity.parse("-100m").value() == -1
    assert parse_cpu_milli("1u") == 1
    assert parse_bytes("1Mi") == 1048576


@given(st.integers(-(10**15), 10**15), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_canonical_form_keeps_the_value(number: int, suffix: str) -> None:
    quantity = Quantity.parse(f"{number}{suffix}")
    again = Quantity.parse(str(quantity))
    assert again == quantity
    assert str(again) == str(quantity)


@pytest.mark.parametrize(
    ("selector", "labelled", "matches"),
    [
        ("a=b", {"a": "b"}, True),
        ("a==b,c!=d", {"a": "b"}, True),
        ("a in (x, y)", {"a": "y"}, True),
        ("a notin (x)", {}, True),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("n>3", {"n": "4"}, True),
        ("n<3", {"n": "x"}, False),
        ("a=", {"a": ""}, True),
        ("", {}, True),
        ("example.com/in=in", {"example.com/in": "in"}, True),
    ],
)
def test_label_selectors(selector: str, labelled: dict[str, str], matches: bool) -> None:
    assert labels.parse(selector).matches(labelled) is matches


@pytest.mark.parametrize("text", ["a in b", "a=b,", "=b", "a in (x", "a>b", "a=b c", "-a=b", "a=_"])
def test_malformed_label_selectors(text: str) -> None:
    with pytest.raises(labels.SelectorError):
        labels.parse(text)


def test_label_selector_objects() -> None:
    assert not labels.from_label_selector(None).matches({})
    assert labels.from_label_selector({}).empty
    selector = labels.from_label_selector(
        {
            "matchLabels": {"b": "1"},
            "matchExpressions": [
                {"key": "a", "operator": "In", "values": ["y", "x"]},
                {"key": "c", "operator": "DoesNotExist"},
            ],
        }
    )
    assert str(selector) == "a in (x,y),b=1,!c"
    assert selector.matches({"a": "x", "b": "1"})
    assert not selector.matches({"a": "x", "b": "1", "c": ""})


def test_field_selectors() -> None:
    selector = fields.parse(r"metadata.name=a\,b,status.phase!=Running,x==y")
    assert selector.exact("metadata.name") == "a,b"
    assert selector.matches({"metadata.name": "a,b", "status.phase": "Pending", "x": "y"})
    assert not selector.matches({"metadata.name": "a,b", "status.phase": "Running", "x": "y"})
    assert fields.parse(str(selector)) == selector
    assert fields.parse("").empty
    with pytest.raises(fields.FieldSelectorError, match="invalid selector: 'bad'"):
        fields.parse("bad")


def test_names() -> None:
    assert names.dns_label("web-1") == []
    assert names.dns_label("-web") != []
    assert "must be no more than 63 bytes" in names.dns_label("a" * 64)
    assert names.dns_subdomain("a.b-c.d") == []
    assert names.qualified_name("example.com/Name_1") == []
    assert names.qualified_name("Example.com/x")[0].startswith("prefix part a lowercase RFC 1123 subdomain")
    assert names.config_map_key("..x") == ["must not start with '..'"]
    assert names.path_segment("a/b") == ["may not contain '/'"]
    assert names.port_name("8080") == ["must contain at least one letter (a-z)"]


def test_generated_names_fit_a_label() -> None:
    name = names.generate_name("x" * 80)
    assert len(name) == 63
    assert set(name[58:]) <= set("bcdfghjklmnpqrstvwxz2456789")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-0.5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (599, "9m59s"),
        (600, "10m"),
        (10799, "179m"),
        (10800, "3h"),
        (14700, "4h5m"),
        (28800, "8h"),
        (172799, "47h"),
        (172800, "2d"),
        (180000, "2d2h"),
        (691200, "8d"),
        (63072000, "2y"),
        (2 * 31536000 + 86400 * 30, "2y30d"),
        (8 * 31536000, "8y"),
    ],
)
def test_human_duration(seconds: float, text: str) -> None:
    assert timestamps.human_duration(seconds) == text


def test_timestamps() -> None:
    assert timestamps.rfc3339(0) == "1970-01-01T00:00:00Z"
    assert timestamps.rfc3339_micro(0.5) == "1970-01-01T00:00:00.500000Z"
    moment = timestamps.parse("2026-11-21T11:00:00.5+02:00")
    assert timestamps.rfc3339(moment) == "2026-11-21T09:00:00Z"
    for bad in ("2026-11-21", "2026-11-21T09:00:00", "x"):
        with pytest.raises(ValueError):
            timestamps.parse(bad)


def test_scaled_values() -> None:
    assert intstr.scaled_value("25%", 3, round_up=True) == 1
    assert intstr.scaled_value("25%", 3, round_up=False) == 0
    assert intstr.scaled_value(2, 3, round_up=True) == 2
    with pytest.raises(ValueError, match="not a percentage"):
        intstr.scaled_value("25", 3, round_up=True)


def test_metadata_readers_never_fail() -> None:
    assert meta.name({}) == meta.namespace({"metadata": None}) == ""
    assert meta.labels({"metadata": {"labels": None}}) == {}
    assert meta.key({"metadata": {"name": "a", "namespace": "n"}}) == "n/a"
    assert meta.split_key("n/a") == ("n", "a")
    assert meta.split_key("a") == ("", "a")
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "r", "uid": "1"}}
    owned = {"metadata": {"ownerReferences": [meta.owner_reference(owner)]}}
    assert meta.is_controlled_by(owned, owner)
    copied = meta.deep_copy(owned)
    copied["metadata"]["ownerReferences"][0]["uid"] = "2"
    assert meta.is_controlled_by(owned, owner)


def test_condition_time_moves_only_with_the_status() -> None:
    held = [{"type": "Ready", "status": "True", "reason": "A", "lastTransitionTime": "t0"}]
    assert not conditions.set_condition(held, {"type": "Ready", "status": "True"}, "t1")
    assert conditions.set_condition(held, {"type": "Ready", "status": "True", "reason": "B"}, "t1")
    assert held[0]["lastTransitionTime"] == "t0"
    assert conditions.set_condition(held, {"type": "Ready", "status": "False"}, "t2")
    assert held[0] == {"type": "Ready", "status": "False", "reason": "B", "lastTransitionTime": "t2"}
    assert conditions.set_condition(held, {"type": "New", "status": "True"}, "t3")
    assert conditions.is_true({"status": {"conditions": held}}, "New")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
)


@given(st.dictionaries(st.text(), _JSON, max_size=5))
def test_a_deep_copy_is_equal_and_shares_nothing_that_can_change(obj: dict[str, Any]) -> None:
    copied = meta.deep_copy(obj)
    assert repr(copied) == repr(obj)  # 1, 1.0 and True are equal, and not the same
    assert not _containers(copied) & _containers(obj)


def _containers(value: Any) -> set[int]:
    if isinstance(value, dict):
        return {id(value)}.union(*map(_containers, value.values()))
    if isinstance(value, list):
        return {id(value)}.union(*map(_containers, value))
    return set()
