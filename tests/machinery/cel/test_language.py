"""The language: values, operators, macros, what does not compile and what has no value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubepy.machinery import cel
from kubepy.machinery.cel import types

SELF: dict[str, Any] = {
    "n": 3,
    "name": "web",
    "list": [1, 2, 3],
    "pods": [{"a": 1, "b": "x"}, {"a": 2}],
    "labels": {"app": "web", "tier": "back"},
    "null": None,
}


def evaluate(expression: str, **bindings: Any) -> Any:
    bindings.setdefault("self", SELF)
    return cel.compile(expression, list(bindings)).evaluate(bindings)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("-9223372036854775808 < 0", True),
        ("0x1F == 31", True),
        ("1.5e3 == 1500.0", True),
        ("7.0 / 2.0", 3.5),
        ("'a' + \"b\" + '''c'''", "abc"),
        (r"r'\d' == '\\d'", True),
        (r"'\u00e9\x41\101'", "éAA"),
        ("b'abc' == bytes('abc')", True),
        ("size('äöü')", 3),
        ("dyn(1) == dyn(1.0) && dyn(1u) == dyn(1)", True),
        ("dyn(1) == dyn(true)", False),
        ("dyn([1, 2]) == dyn([1.0, 2.0]) && dyn({'a': 2}) == dyn({'a': 2u})", True),
        ("1 < 1.5 && 2u > 1", True),
        ("'a' < 'b' && b'a' <= b'b' && !(true < false)", True),
        ("2 in self.list && !(4 in self.list)", True),
        ("'app' in self.labels", True),
        ("self.n > 2 ? 'big' : 'small'", "big"),
        ("has(self.pods[0].b) && !has(self.pods[1].b)", True),
        ("self.?missing.orValue('x') + self.?name.orValue('y')", "xweb"),
        ("self.?missing.?deeper.hasValue()", False),
        ("self.list[?9].or(optional.of(7)).value()", 7),
        ("[1, ?optional.none(), ?optional.of(3)]", [1, 3]),
        ("{'a': 1, ?'b': optional.none()}", {"a": 1}),
        ("self.?n.optMap(x, x * 2).value()", 6),
        ("type(1) == int && type('') == string && type([]) == list", True),
        ("string(1000000.0) + ' ' + string(0.1) + ' ' + string(true)", "1e+06 0.1 true"),
        ("int('-12') + int(3.9) + int(2u)", -7),
        ("string(duration('1h30m'))", "5400s"),
        ("timestamp('2024-02-29T12:00:00Z').getDayOfYear()", 59),
        ("timestamp('2024-02-29T23:00:00Z').getDate('+02:00')", 1),
        ("timestamp('2024-03-01T00:00:00Z') - duration('24h')", datetime(2024, 2, 29, tzinfo=UTC)),
        ("duration('90s') + duration('30s')", timedelta(minutes=2)),
    ],
)
def test_values(expression: str, value: Any) -> None:
    assert evaluate(expression) == value
    assert type(evaluate(expression)) is type(value)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("self.list.all(x, x > 0)", True),
        ("self.list.exists(x, x == 2)", True),
        ("self.list.exists_one(x, x > 1)", False),
        ("self.list.map(x, x * x)", [1, 4, 9]),
        ("self.list.map(x, x > 1, x * x)", [4, 9]),
        ("self.list.filter(x, x != 2)", [1, 3]),
        ("self.labels.all(k, self.labels[k].size() > 2)", True),
        ("self.labels.filter(k, k == 'app')", ["app"]),
        ("self.list.all(i, x, x == i + 1)", True),
        ("self.labels.exists(k, v, k == 'tier' && v == 'back')", True),
        ("self.list.transformList(i, x, i * x)", [0, 2, 6]),
        ("self.labels.transformMap(k, v, k == 'app', v + '!')", {"app": "web!"}),
        ("self.labels.transformMapEntry(k, v, {v: k})", {"web": "app", "back": "tier"}),
        ("[[1, 2], [3]].map(x, x.map(y, y + size(x)))", [[3, 4], [4]]),
    ],
)
def test_macros(expression: str, value: Any) -> None:
    assert evaluate(expression) == value


def test_one_operand_decides_when_the_other_fails() -> None:
    assert evaluate("self.missing == 1 || true") is True
    assert evaluate("self.missing == 1 && false") is False
    assert evaluate("self.pods.exists(p, p.b == 'x')") is True
    assert evaluate("self.pods.all(p, p.b == 'y')") is False
    with pytest.raises(cel.EvaluationError, match="no such key: b"):
        evaluate("self.pods.all(p, p.b == 'x')")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("self.missing", "no such key: missing"),
        ("self.list[3]", "index out of bounds: 3"),
        ("1 / 0 == 0", "division by zero"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("1u - 2u", "unsigned integer overflow"),
        ("self.n + self.name", "no such overload"),
        ("self.n && true", "no such overload"),
        ("int('x')", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("optional.none().value()", "optional.none() dereference"),
        ("duration('1x')", 'time: invalid duration "1x"'),
        ("{'a': 1, 'a': 2}", "insert failed: key a already exists"),
    ],
)
def test_what_has_no_value(expression: str, message: str) -> None:
    with pytest.raises(cel.EvaluationError) as caught:
        evaluate(expression)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "foo == 1",
            "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^",
        ),
        ("1 +\n bar", "ERROR: <input>:2:2: undeclared reference to 'bar' (in container '')\n |  bar\n | .^"),
        (
            "nope(1)",
            "ERROR: <input>:1:5: undeclared reference to 'nope' (in container '')\n | nope(1)\n | ....^",
        ),
        ("1 + 'a'", "1:3: found no matching overload for '_+_' applied to '(int, string)'"),
        ("'a'.startsWith(1)", "1:15: found no matching overload for 'startsWith' applied to 'string.(int)'"),
        ("[1, 'a']", "1:5: expected type 'int' but found 'string'"),
        ("'a'.b", "1:4: type 'string' does not support field selection"),
        ("1 == 'a'", "found no matching overload for '_==_' applied to '(int, string)'"),
        ("(1", "Syntax error: mismatched input '<EOF>' expecting ')'"),
        ("1 2", "Syntax error: extraneous input '2'"),
        ("self.all(1, true)", "argument must be a simple name"),
        ("has(self)", "invalid argument to has() macro"),
        ("[x].all(x, true)", "undeclared reference to 'x'"),
        ("for", "reserved identifier: for"),
        ("9223372036854775808", "invalid int literal"),
        ("true.all(x, true)", "cannot be range of a comprehension (must be list, map, or dynamic)"),
    ],
)
def test_what_does_not_compile(expression: str, message: str) -> None:
    with pytest.raises(cel.CompileError) as caught:
        cel.compile(expression, ["self"])
    assert message in str(caught.value)


def test_all_issues_are_reported() -> None:
    with pytest.raises(cel.CompileError) as caught:
        cel.compile("a + b", [])
    assert str(caught.value).count("ERROR:") == 2


def test_declared_types_find_unknown_fields_and_convert_what_json_has_no_values_for() -> None:
    shape = types.ObjectType(
        "object",
        fields={
            "ratio": types.Field(types.DOUBLE, "ratio"),
            "since": types.Field(types.TIMESTAMP, "since"),
            "data": types.Field(types.BYTES, "data"),
            "my__dash__key": types.Field(types.INT, "my-key"),
            "waits": types.Field(types.list_of(types.DURATION), "waits"),
        },
    )
    value = {"ratio": 1, "since": "2024-01-01T00:00:00Z", "data": "aGk=", "my-key": 4, "waits": ["1m", "2m"]}

    def run(expression: str) -> Any:
        return cel.compile(expression, {"self": shape}).evaluate({"self": value})

    assert run("self.ratio / 2.0") == 0.5
    assert run("self.since.getFullYear()") == 2024
    assert run("string(self.data)") == "hi"
    assert run("self.my__dash__key") == 4
    assert run("self.waits.all(w, w < duration('1h')) && self.waits[1] == duration('120s')") is True
    with pytest.raises(cel.CompileError, match="undefined field 'nope'"):
        run("self.nope")


def test_the_budget_is_shared_and_ends() -> None:
    program = cel.compile("self.all(x, x >= 0)", ["self"])
    budget = cel.Budget(500)
    program.evaluate({"self": [1] * 50}, budget)
    assert 150 <= budget.spent <= 400
    with pytest.raises(cel.CostExceeded, match="operation cancelled: actual cost limit exceeded"):
        program.evaluate({"self": [1] * 10_000}, budget)


def test_reading_long_strings_costs() -> None:
    budget = cel.Budget(1000)
    with pytest.raises(cel.CostExceeded):
        cel.compile("self.matches('^a*$')", ["self"]).evaluate({"self": "a" * 100_000}, budget)


def test_bindings_may_be_missing_until_they_are_read() -> None:
    program = cel.compile("a == 1 || b == 1", ["a", "b"])
    assert program.evaluate({"a": 1}) is True
    with pytest.raises(cel.EvaluationError, match=r"no such attribute\(s\): b"):
        program.evaluate({"a": 2})
    assert program.references == {"a", "b"}


def test_estimates_follow_the_limits_of_types() -> None:
    def cost(limit: int | None) -> int:
        nested = types.list_of(types.list_of(types.INT, limit), limit)
        return cel.compile("self.all(x, x.all(y, y > 0))", {"self": nested}).estimated_cost()

    assert cost(10) < 2000 < cost(1000) < 20_000_000 < cost(None)
