"""A difference of two objects for people, in the shape Kubernetes' messages give it.

Each struct shows the fields that differ, what was with "-" and what is with "+", and how many fields are the
same.
"""

from __future__ import annotations

from typing import Any

from kubepy.machinery.field_errors import format_value

_ABSENT = object()


def diff(kind: str, old: Any, new: Any) -> str:
    """Return the lines of the difference between two values of a kind ("core.PodSpec"); "" for none."""
    if old == new:
        return ""
    return "\n".join(_lines(kind, old, new, "", "")) + "\n"


def _lines(label: str, old: Any, new: Any, indent: str, name: str) -> list[str]:
    head = f"{name}: " if name else ""
    if isinstance(old, dict) and isinstance(new, dict):
        fields = [*old, *(field for field in new if field not in old)]
        changed = [f for f in fields if old.get(f, _ABSENT) != new.get(f, _ABSENT)]
        body: list[str] = []
        for field in changed:
            shown = field if "." in field or "/" in field else field[:1].upper() + field[1:]
            body += _lines("", old.get(field, _ABSENT), new.get(field, _ABSENT), f"{indent}\t", shown)
        same = len(fields) - len(changed)
        return _wrapped(f"{head}{label}{{", body, same, "fields", indent)
    if isinstance(old, list) and isinstance(new, list):
        body = []
        same = 0
        for index in range(max(len(old), len(new))):
            was = old[index] if index < len(old) else _ABSENT
            now = new[index] if index < len(new) else _ABSENT
            if was == now:
                same += 1
            else:
                body += _lines("", was, now, f"{indent}\t", "")
        return _wrapped(f"{head}{label}[]{{", body, same, "elements", indent)
    lines: list[str] = []
    if old is not _ABSENT:
        lines.append(f"- {indent}{head}{_shown(old)},")
    if new is not _ABSENT:
        lines.append(f"+ {indent}{head}{_shown(new)},")
    return lines


def _wrapped(opening: str, body: list[str], same: int, noun: str, indent: str) -> list[str]:
    rest = [f"  {indent}\t... // {same} identical {noun}"] if same else []
    comma = "," if indent else ""
    return [f"  {indent}{opening}", *body, *rest, f"  {indent}}}{comma}"]


def _shown(value: Any) -> str:
    return format_value(value)
