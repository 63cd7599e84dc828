"""Rules as text, in iptables-save's own form."""

from kubepy.netfilter.interface import Match, Rule, comment, option, render_rule


def test_negation_stands_before_the_option() -> None:
    rule = Rule("RETURN", source="!10.0.0.0/8", matches=(Match("mark", option("mark", "!0x1/0x1")),))
    assert render_rule(rule) == "! -s 10.0.0.0/8 -m mark ! --mark 0x1/0x1 -j RETURN"


def test_comment_with_blanks_is_quoted() -> None:
    assert render_rule(Rule("X", matches=(comment("a b"),))) == '-m comment --comment "a b" -j X'


def test_flags_have_no_value() -> None:
    assert render_rule(Rule("MASQUERADE", option("random-fully"))) == "-j MASQUERADE --random-fully"
