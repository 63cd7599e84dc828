"""Visiting containers, and the small words of the messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from kubepy.machinery.meta import Obj

_FIELDS = ("initContainers", "containers", "ephemeralContainers")


class Violation(NamedTuple):
    """What is forbidden, and where it is."""

    reason: str
    detail: str


def containers(spec: Obj) -> Iterator[Obj]:
    """All kinds of containers."""
    for field in _FIELDS:
        yield from spec.get(field) or ()


def security(holder: Obj, *path: str) -> Any:
    """A value below securityContext; None when it is not there."""
    value: Any = holder.get("securityContext")
    for field in path:
        if not isinstance(value, dict):
            return None
        value = value.get(field)
    return value


def join_quote(items: Iterable[str]) -> str:
    """ "a", "b" """
    return ", ".join(f'"{item}"' for item in items)


def pluralize(singular: str, plural: str, count: int) -> str:
    """One word or the other."""
    return singular if count == 1 else plural


def named(names: Sequence[str]) -> str:
    """containers "a", "b" """
    return f"{pluralize('container', 'containers', len(names))} {join_quote(names)}"


def setters(spec: Obj, pod_is_bad: bool, bad_containers: Sequence[str]) -> str:
    """pod and container "a" """
    return " and ".join(
        [*(["pod"] if pod_is_bad else []), *([named(bad_containers)] if bad_containers else [])]
    )


def in_user_namespace(spec: Obj) -> bool:
    """Root in such a pod is nobody on the node (KEP-127)."""
    return spec.get("hostUsers") is False


def is_windows(spec: Obj) -> bool:
    """Some checks make no sense there."""
    return bool((spec.get("os") or {}).get("name") == "windows")
