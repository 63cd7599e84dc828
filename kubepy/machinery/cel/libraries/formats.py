"""Named string formats, with Kubernetes' sentences about what is wrong."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Callable
from typing import ClassVar

from kubepy.machinery import names, timestamps
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import function, method, traversal
from kubepy.machinery.cel.libraries import url
from kubepy.machinery.cel.types import Type
from kubepy.machinery.cel.values import NONE, Optional

Check = Callable[[str], list[str]]
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Format:
    """A format that strings may have."""

    __slots__ = ("check", "name")
    cel_type: ClassVar = Type("kubernetes.NamedFormat")

    def __init__(self, name: str, check: Check) -> None:
        self.name = name
        self.check = check

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Format) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


def _prefix(check: Check) -> Check:
    """Prefixes of generated names may end with a dash: it is masked."""
    return lambda text: check(f"{text[:-1]}a" if text.endswith("-") else text)


def _uri(text: str) -> list[str]:
    return [] if url.is_url(text) else ["invalid URI"]


def _uuid(text: str) -> list[str]:
    try:
        uuid.UUID(text)
    except ValueError:
        return ["does not match the UUID format"]
    return []


def _byte(text: str) -> list[str]:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return ["invalid base64"]
    return []


def _date(text: str) -> list[str]:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        timestamps.parse(f"{text}T00:00:00Z")
    except ValueError:
        return ["invalid date"]
    return []


def _datetime(text: str) -> list[str]:
    try:
        timestamps.parse(text)
    except ValueError:
        return ["invalid datetime"]
    return []


_FORMATS = {
    format.name: format
    for format in (
        Format("dns1123Label", names.dns_label),
        Format("dns1123Subdomain", names.dns_subdomain),
        Format("dns1035Label", names.dns_1035_label),
        Format("qualifiedName", names.qualified_name),
        Format("dns1123LabelPrefix", _prefix(names.dns_label)),
        Format("dns1123SubdomainPrefix", _prefix(names.dns_subdomain)),
        Format("dns1035LabelPrefix", _prefix(names.dns_1035_label)),
        Format("labelValue", names.label_value),
        Format("uri", _uri),
        Format("uuid", _uuid),
        Format("byte", _byte),
        Format("date", _date),
        Format("datetime", _datetime),
    )
}


@function("format.named(string) -> optional_type(kubernetes.NamedFormat)")
def named(name: str) -> Optional:
    found = _FORMATS.get(name)
    return NONE if found is None else Optional(found)


def _constant(format: Format) -> Callable[[], Format]:
    return lambda: format


for _format in _FORMATS.values():
    function(f"format.{_format.name}() -> kubernetes.NamedFormat")(_constant(_format))


@method("kubernetes.NamedFormat.validate(string) -> optional_type(list(string))", cost=traversal(1))
def validate(format: Format, text: str) -> Optional:
    """What is wrong with the text; none when nothing is."""
    if not isinstance(text, str):
        raise EvaluationError("no such overload")
    wrong = format.check(text)
    return Optional(wrong) if wrong else NONE
