"""Label selectors between their two notations: `a=b,c in (d)` and matchLabels with matchExpressions."""

from __future__ import annotations

from kubepy.kubectl.failures import CommandError
from kubepy.machinery import labels
from kubepy.machinery.meta import Obj

_OPERATORS = {"in": "In", "notin": "NotIn", "exists": "Exists", "!": "DoesNotExist", "!=": "NotIn"}


def label_selector(text: str) -> Obj:
    """A LabelSelector from the text of -l."""
    try:
        selector = labels.parse(text)
    except ValueError as error:
        raise CommandError(str(error)) from None
    match_labels: dict[str, str] = {}
    expressions: list[Obj] = []
    for requirement in selector.requirements:
        operator, values = str(requirement.operator), sorted(requirement.values)
        if operator in ("=", "=="):
            match_labels[requirement.key] = values[0]
        else:
            expression: Obj = {"key": requirement.key, "operator": _OPERATORS[operator]}
            if values:
                expression["values"] = values
            expressions.append(expression)
    found: Obj = {}
    if match_labels:
        found["matchLabels"] = match_labels
    if expressions:
        found["matchExpressions"] = expressions
    return found


def as_query(selector: Obj | None) -> str:
    """A LabelSelector as the query parameter labelSelector."""
    text = labels.format_label_selector(selector)
    return "" if text == "<none>" else text
