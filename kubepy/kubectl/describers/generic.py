"""kubectl describe for kinds without a describer of their own: every field, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kubepy.kubectl.describers import writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session

_SKIPPED = {
    (): ("metadata", "apiVersion", "kind"),
    ("metadata",): ("managedFields", "name", "namespace", "labels", "annotations"),
}
_ACRONYMS = ("API", "CIDR", "DNS", "HTTP", "HTTPS", "ID", "IP", "JSON", "TCP", "TLS", "UID", "URL", "VMID")


async def describe(session: Session, info: Info) -> str:
    """The text about any object."""
    obj = info.obj
    out = Writer()
    out.line(0, f"Name:\t{info.name}")
    out.line(0, f"Namespace:\t{meta.namespace(obj)}")
    writing.labels(out, "Labels", meta.labels(obj))
    writing.annotation_lines(out, obj)
    whole: Obj = {
        "apiVersion": info.mapping.gvr.api_version,
        "kind": info.mapping.kind,
        "metadata": {},
    } | obj
    metadata = {
        key: value
        for key, value in (whole["metadata"] or {}).items()
        if key not in ("managedFields", "name", "namespace", "labels", "annotations")
    }
    _fields(out, 0, whole | {"metadata": metadata})
    if session.values.on("show-events"):
        writing.events(out, await writing.events_of(session, obj), session.clock.now())
    return out.text()


def _fields(out: Writer, level: int, found: Obj) -> None:
    titles = {key: title(key) for key in found}
    for key in sorted(found, key=lambda key: titles[key]):
        _value(out, level, titles[key], found[key])


def _value(out: Writer, level: int, name: str, value: Any) -> None:
    if isinstance(value, dict):
        out.line(level, f"{name}:")
        _fields(out, level + 1, value)
    elif isinstance(value, list):
        out.line(level, f"{name}:")
        for item in value:
            if isinstance(item, dict):
                _fields(out, level + 1, item)
            else:
                out.line(level + 1, _scalar(item))
    else:
        out.line(level, f"{name}:\t{_scalar(value)}")


def _scalar(value: Any) -> str:
    if value is None:
        return "<nil>"
    return writing.bool_text(value) if isinstance(value, bool) else str(value)


def title(field: str) -> str:
    """`creationTimestamp` as `Creation Timestamp`."""
    if re.search(r"[^a-zA-Z0-9]", field):
        return field
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z]|$|[0-9])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+", field)
    return " ".join(
        word.upper() if word.upper() in _ACRONYMS else word[:1].upper() + word[1:] for word in words
    )
