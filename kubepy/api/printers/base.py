"""What a printer is, and the pieces that many of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubepy.api import schemas
from kubepy.machinery import timestamps
from kubepy.machinery.labels import SelectorError, format_label_selector
from kubepy.machinery.meta import Obj
from kubepy.machinery.tables import Column

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"

RowFunction = Callable[[Obj, datetime], list[Any]]


@dataclass(frozen=True)
class Printer:
    """The columns of a kind, and the function that makes an object's cells (one for each column)."""

    columns: Sequence[Column]
    row: RowFunction


def doc(definition: str, field: str) -> str:
    """Return a field's description from the schema; `definition` is such as "core.v1.ServiceSpec"."""
    if "." in definition and not definition.startswith("io."):
        definition = f"io.k8s.api.{definition}"
    return schemas.store().definition(definition).properties[field].description


_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def name_column(name: str = "Name") -> Column:
    """Return the column of the object's name."""
    return Column(name, format="name", description=doc(_META, "name"))


def age_column(name: str = "Age", *, wide: bool = False) -> Column:
    """Return the column of the object's age."""
    return column(name, doc(_META, "creationTimestamp"), wide=wide)


def column(name: str, description: str, *, type: str = "string", wide: bool = False) -> Column:
    """Return any other column; `wide` ones show only with -o wide."""
    return Column(name, type=type, description=description, priority=1 if wide else 0)


def name_of(obj: Obj) -> str:
    """Return the cell of the name."""
    return (obj.get("metadata") or {}).get("name") or ""


def age_of(obj: Obj, now: datetime) -> str:
    """Return the cell of the age."""
    return timestamps.human_age((obj.get("metadata") or {}).get("creationTimestamp"), now)


def since(timestamp: str | None, now: datetime) -> str:
    """Return the time since a timestamp, "<unknown>" when there is none."""
    return timestamps.human_age(timestamp, now)


def format_labels(labels: Mapping[str, str] | None) -> str:
    """Write labels as "a=b,c=d", "<none>" when there are none."""
    if not labels:
        return NONE
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))


def format_selector(selector: Obj | None) -> str:
    """Write a LabelSelector, "<none>" when empty, "<error>" when malformed."""
    try:
        return format_label_selector(selector)
    except SelectorError:
        return "<error>"


def layout_containers(spec: Obj) -> tuple[str, str]:
    """Return names and images of the containers of a pod template, each joined by commas."""
    containers = spec.get("containers") or ()
    return (
        ",".join(c.get("name") or "" for c in containers),
        ",".join(c.get("image") or "" for c in containers),
    )


def template_of(obj: Obj) -> Obj:
    """Return the spec of the object's pod template."""
    return ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}
