"""Whatever is given, compiling and evaluating end in a value or in an error of CEL's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepy.machinery import cel, regexp

_TEXT = (
    "self has ( ) [ ] { } . .? ? : , + - * / % ! < <= == != in && || 1 2u 1.5 'a' b'x' true null x "
    "all( exists( map( filter( size( string( int( duration( timestamp( matches( split( format( optional.of( "
    "quantity( ip( cidr( url( semver( sets.contains( orValue( hasValue() .find( .replace( .join() .sum() .max()"
)
_WORDS = st.sampled_from(_TEXT.split())
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


def attempt(expression: str, value: Any) -> None:
    try:
        cel.compile(expression, ["self"]).evaluate({"self": value}, cel.Budget(10_000))
    except (cel.CompileError, cel.EvaluationError):
        pass


@settings(max_examples=300, deadline=None)
@given(st.lists(_WORDS, max_size=14).map(" ".join), _JSON)
def test_words_in_any_order(expression: str, value: Any) -> None:
    attempt(expression, value)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), _JSON)
def test_any_text(expression: str, value: Any) -> None:
    attempt(expression, value)


_CALLS = st.sampled_from(
    [
        "self + self", "self - self", "self * self", "self / self", "self % self", "-self", "!self", "self == self",
        "self < self", "self in self", "self[0]", "self['a']", "self.a", "has(self.a)", "self.?a", "size(self)",
        "string(self)", "int(self)", "uint(self)", "double(self)", "bool(self)", "bytes(self)", "timestamp(self)",
        "duration(self)", "type(self)", "self.all(x, x == self)", "self.map(x, x + x)", "self.sum()", "self.min()",
        "self.isSorted()", "self.indexOf(self)", "self.split(self)", "self.join()", "'%s'.format([self])",
        "'%d %f %e %x %b %o'.format([self, self, self, self, self, self])", "self.matches(self)", "self.find(self)",
        "self.findAll(self)", "url(self)", "ip(self)", "cidr(self)", "quantity(self)", "semver(self)",
        "format.uuid().validate(self)", "self.charAt(self)", "self.substring(self)", "self.replace(self, self)",
        "self.transformMap(k, v, v)", "self.transformMapEntry(k, v, {v: k})", "{self: self}", "{'a': self}",
        "optional.ofNonZeroValue(self)", "timestamp('2024-01-01T00:00:00Z') + self", "duration('1h') + self",
        "timestamp('2024-01-01T00:00:00Z').getHours(self)", "sets.equivalent(self, self)", "isURL(self)", "isIP(self)",
    ]
)  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(_CALLS, _JSON)
def test_every_function_takes_every_value(expression: str, value: Any) -> None:
    attempt(expression, value)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab01[](){}|*+?^$\\.-:pPLQEdwsxz<=!i,&~", max_size=12), st.text(max_size=8))
def test_any_pattern(pattern: str, text: str) -> None:
    try:
        regexp.compile(pattern).search(text)
    except regexp.PatternError:
        pass


@pytest.mark.parametrize(
    "expression",
    ["(" * 500 + "1" + ")" * 500, "self" + ".a" * 5000, "1" + "+1" * 5000, "[" * 500, "!" * 5000 + "true"],
)
def test_depth_is_an_error_of_its_own(expression: str) -> None:
    attempt(expression, {})


def test_long_chains_of_conditions_compile() -> None:
    expression = " || ".join(f"self == {number}" for number in range(2000))
    assert cel.compile(expression, ["self"]).evaluate({"self": 1999}) is True
