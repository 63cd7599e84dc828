"""The function libraries of CEL and Kubernetes."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.machinery import cel
from kubepy.machinery.cel.libraries.authorizer import AUTHORIZER, Authorizer, Decision, Question


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'hello'.charAt(4)", "o"),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("['a', 'b'].join('-')", "a-b"),
        ("'tacocat'.substring(4) + 'tacocat'.substring(0, 4)", "cattaco"),
        ("'hello mellow'.indexOf('ello', 2)", 7),
        ("'hello mellow'.lastIndexOf('ello', 6)", 1),
        ("'hello hello'.replace('he', 'we', 1)", "wello hello"),
        ("' TrIm '.trim().lowerAscii() + 'Ä'.upperAscii()", "trimÄ"),
        ("'%s %d %.2f %x %b %e'.format(['a', 3, 1.5, 255, 5, 1200.0])", "a 3 1.50 ff 101 1.200000e+03"),
        ("'%s'.format([{'b': [1, 2.5], 'a': true}])", "{a: true, b: [1, 2.5]}"),
        ("strings.quote('a\"b')", '"a\\"b"'),
        ("'abc123'.find('[0-9]+')", "123"),
        ("'123 abc 456'.findAll('[0-9]+', 1)", ["123"]),
        ("'foo\\n'.matches('foo$')", False),
        ("'föö'.matches('^\\\\pL+$')", True),
        ("'a1'.matches('^[[:alpha:]]\\\\d\\\\z')", True),
        ("[1, 3, 2].isSorted()", False),
        ("[1.5, 2.5].sum()", 4.0),
        ("[1u, 2u].sum() == 3u && [duration('1h'), duration('30m')].sum() == duration('90m')", True),
        ("['b', 'a'].min() + ['b', 'a'].max()", "ab"),
        ("[1, 2, 2].lastIndexOf(2) - [1, 2, 2].indexOf(2)", 1),
        ("[1, 2, 3, 4].slice(1, 3).reverse()", [3, 2]),
        ("[[[1], [2]], [[3]]].flatten(2) + lists.range(2)", [1, 2, 3, 0, 1]),
        ("['b', 'a', 'b'].distinct().sort()", ["a", "b"]),
        ("[{'n': 2, 's': 2}, {'n': 4, 's': 1}].sortBy(e, e.s).map(e, e.n)", [4, 2]),
        ("type(1) == string || type(1) == int", True),
        ("sets.contains([1, 2, 3], [3, 1]) && !sets.contains([1], [2])", True),
        ("sets.equivalent([1, 2, 2], [2, 1]) && sets.intersects([1], [1, 5])", True),
        ("url('https://u@example.com:80/a%20b?k=1&k=2').getHost()", "example.com:80"),
        ("url('https://[::1]:80/a').getHostname() + url('https://x:80').getPort()", "::180"),
        ("url('https://x/?k=1&k=2').getQuery()", {"k": ["1", "2"]}),
        ("isURL('../relative') || isURL('')", False),
        ("ip('2001:db8::abcd').family()", 6),
        ("isIP('127.0.0.1.0') || isIP('::ffff:1.2.3.4') || isIP('fe80::1%eth0')", False),
        ("ip.isCanonical('2001:DB8::ABCD')", False),
        ("ip('127.0.0.1').isLoopback() && !ip('255.255.255.255').isGlobalUnicast()", True),
        ("cidr('192.168.0.1/24').masked() == cidr('192.168.0.0/24')", True),
        ("cidr('192.168.0.0/24').containsCIDR('192.168.0.128/25')", True),
        ("cidr('192.168.0.0/24').containsIP(ip('192.168.1.1'))", False),
        ("string(cidr('::1/64').ip()) + ' ' + string(cidr('10.1.0.0/16').prefixLength())", "::1 16"),
        ("quantity('50k').add(20).sub(quantity('1')) == quantity('50019')", True),
        (
            "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('100m').compareTo(quantity('0.1')) == 0",
            True,
        ),
        ("isQuantity('1.3Zi')", False),
        ("quantity('1.5').isInteger()", False),
        ("semver('1.2.3-rc.2').compareTo(semver('1.2.3-rc.10'))", -1),
        ("semver('v1.2', true) == semver('1.2.0')", True),
        ("isSemver('01.2.3') || isSemver('1.2')", False),
        ("semver('1.2.3+build').patch()", 3),
        ("!format.named('dns1123Label').value().validate('web').hasValue()", True),
        ("format.dns1123LabelPrefix().validate('web-').hasValue()", False),
        ("format.date().validate('2021-02-30').value()", ["invalid date"]),
        ("format.named('nope').hasValue()", False),
        ("jsonpatch.escapeKey('a/b~c')", "a~1b~0c"),
        ("Object{spec: Object.spec{replicas: 3}}", {"spec": {"replicas": 3}}),
    ],
)
def test_functions(expression: str, value: Any) -> None:
    assert cel.compile(expression, []).evaluate({}) == value


@pytest.mark.parametrize(
    "items", [[0, None], [0, "5"], [1, 1.5], [1.5, None], [True], [True, 1], ["a", "b"], [None], [[1], [2]]]
)
def test_only_numbers_of_one_kind_have_a_sum(items: list[Any]) -> None:
    with pytest.raises(cel.EvaluationError, match="no such overload"):
        cel.compile("self.sum()", ["self"]).evaluate({"self": items}, cel.Budget(1000))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'a'.matches('(')", "error parsing regexp: missing closing ): `(`"),
        ("'a'.matches('(?=a)')", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"),
        (r"'a'.matches('(a)\\1')", r"error parsing regexp: invalid escape sequence: `\1`"),
        ("'a'.charAt(2) == ''", "index out of range: 2"),
        ("[].max() == 1", "max called on empty list"),
        (
            "quantity('x') == quantity('1')",
            "quantity parse error during conversion from string: quantities must",
        ),
        (
            "'%d'.format(['a'])",
            "error during formatting: decimal clause can only be used on integers, was given string",
        ),
    ],
)
def test_what_functions_refuse(expression: str, message: str) -> None:
    with pytest.raises(cel.EvaluationError) as caught:
        cel.compile(expression, []).evaluate({})
    assert str(caught.value).startswith(message)


def test_the_authorizer_is_asked() -> None:
    asked: list[Question] = []

    def decide(question: Question) -> Decision:
        asked.append(question)
        return Decision(question.verb == "get", reason="because")

    authorizer = Authorizer("alice", decide)
    program = cel.compile(
        "authorizer.group('apps').resource('deployments').subresource('scale').namespace('ns').name('web')"
        ".check(verb).allowed()",
        {"authorizer": AUTHORIZER, "verb": cel.types.STRING},
    )
    assert program.evaluate({"authorizer": authorizer, "verb": "get"}) is True
    assert program.evaluate({"authorizer": authorizer, "verb": "create"}) is False
    assert asked[0] == Question(
        "alice", "get", group="apps", resource="deployments", subresource="scale", namespace="ns", name="web"
    )
    path = cel.compile("authorizer.path('/healthz').check('get').reason()", ["authorizer"])
    assert path.evaluate({"authorizer": authorizer}) == "because"
    with pytest.raises(cel.CompileError, match="no matching overload for 'check'"):
        cel.compile("authorizer.check('get')", {"authorizer": AUTHORIZER})
