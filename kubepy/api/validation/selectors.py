"""Rules of label selectors and IntOrString values, which many kinds contain."""

from __future__ import annotations

from typing import Any

from kubepy.api.validation.rules import all_messages
from kubepy.machinery import intstr, names
from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value, required
from kubepy.machinery.meta import Obj

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def validate_label_selector(selector: Obj, path: str) -> list[Cause]:
    """Check a LabelSelector object."""
    causes: list[Cause] = []
    for key, value in (selector.get("matchLabels") or {}).items():
        causes += all_messages(f"{path}.matchLabels", key, names.qualified_name(key))
        causes += all_messages(f"{path}.matchLabels", value, names.label_value(value))
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        causes += _expression(expression, f"{path}.matchExpressions[{index}]")
    return causes


def _expression(expression: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    operator, values = expression.get("operator") or "", expression.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            causes.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            causes.append(
                forbidden_field(
                    f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                )
            )
    else:
        causes.append(invalid_value(f"{path}.operator", operator, "not a valid selector operator"))
    key = expression.get("key") or ""
    causes += all_messages(f"{path}.key", key, names.qualified_name(key))
    for index, value in enumerate(values):
        causes += all_messages(f"{path}.values[{index}]", value, names.label_value(value))
    return causes


def is_empty(selector: Obj | None) -> bool:
    """Tell whether a selector has no requirement at all."""
    return not selector or not (selector.get("matchLabels") or selector.get("matchExpressions"))


def int_or_percent(value: Any, path: str, *, at_most_100: bool = False) -> list[Cause]:
    """Check a number or percentage that must not be negative."""
    if isinstance(value, str):
        causes = all_messages(path, value, names.percent(value))
        if not causes and at_most_100 and intstr.parse_percent(value) > 100:
            causes.append(invalid_value(path, value, "must not be greater than 100%"))
        return causes
    if isinstance(value, int) and value < 0:
        return [invalid_value(path, value, "must be greater than or equal to 0")]
    return []


def is_zero(value: Any) -> bool:
    """Tell whether a number or percentage is nothing."""
    return value in (None, 0, "0%", "0")
