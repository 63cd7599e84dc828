"""What client and worker say to each other: one JSON document a line.

Request: {"op": "replace", "table", "chains": {name: [rule]}, "hooks": [[chain, rule]], "remove": [name]}
      or {"op": "inspect", "table"}
Answer:  {"ok": true, ...} or {"error": text}. Rules travel as their fields.
"""

from __future__ import annotations

from typing import Any

import orjson

from kubepy.netfilter.interface import Match, Rule

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """Dataclasses are written as their fields."""
    return orjson.dumps(message) + b"\n"


def decode(line: bytes) -> Message:
    message: Message = orjson.loads(line)
    return message


def rule_from(fields: Message) -> Rule:
    return Rule(
        target=fields["target"],
        options=_options(fields["options"]),
        source=fields["source"],
        destination=fields["destination"],
        protocol=fields["protocol"],
        matches=tuple(Match(m["name"], _options(m["options"])) for m in fields["matches"]),
    )


def _options(pairs: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs)
