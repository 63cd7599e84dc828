"""The string formats that Kubernetes checks; others are documentation."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from kubepy.machinery import timestamps
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.moments import parse_duration

Check = Callable[[str], bool]


def _attempt(parse: Callable[[str], object]) -> Check:
    def check(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, EvaluationError, binascii.Error):
            return False
        return True

    return check


def _pattern(pattern: str) -> Check:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def _uri(text: str) -> object:
    if not text:
        raise ValueError
    parts = urlsplit(text)
    if not parts.scheme and not text.startswith("/"):
        raise ValueError
    return parts


def _date(text: str) -> object:
    if len(text) != 10:
        raise ValueError
    return timestamps.parse(f"{text}T00:00:00Z")


_WORDED = re.compile(
    r"\d+\s*(?:ns|us|µs|ms|s|m|h|d|w|nanos?|micros?|millis?|secs?|seconds?|mins?|minutes?|hours?|hrs?|days?|weeks?)"
)


def _duration(text: str) -> object:
    if _WORDED.fullmatch(text):
        return text
    return parse_duration(text)


_UUID = r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?%s[0-9a-fA-F]{3}-?%s[0-9a-fA-F]{3}-?[0-9a-fA-F]{12}"
_ANY, _VARIANT = "[0-9a-fA-F]", "[89abAB]"
_NUMBER = "(?:0|[1-9][0-9]{0,2})"

FORMATS: Final[dict[str, Check]] = {
    "bsonobjectid": _pattern("[0-9a-fA-F]{24}"),
    "uri": _attempt(_uri),
    "email": _pattern(r"[^@\s<>]+@[^@\s<>]+"),
    "hostname": lambda text: (
        len(text) <= 255
        and all(
            re.fullmatch(r"[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?", part) is not None
            for part in text.removesuffix(".").split(".")
        )
    ),
    "ipv4": _attempt(ipaddress.IPv4Address),
    "ipv6": _attempt(ipaddress.IPv6Address),
    "cidr": lambda text: "/" in text and _attempt(ipaddress.ip_interface)(text),
    "mac": _pattern(r"(?:[0-9a-fA-F]{2}[:-]){5}(?:[0-9a-fA-F]{2}[:-]){0,2}[0-9a-fA-F]{2}"),
    "uuid": _pattern(_UUID % (_ANY, _ANY)),
    "uuid3": _pattern(_UUID % ("3", _ANY)),
    "uuid4": _pattern(_UUID % ("4", _VARIANT)),
    "uuid5": _pattern(_UUID % ("5", _VARIANT)),
    "isbn": _pattern(r"(?:97[89][- ]?)?(?:\d[- ]?){9}[\dX]"),
    "isbn10": _pattern(r"(?:\d[- ]?){9}[\dX]"),
    "isbn13": _pattern(r"97[89][- ]?(?:\d[- ]?){9}\d"),
    "creditcard": _pattern(r"(?:\d[- ]?){12,18}\d"),
    "ssn": _pattern(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "hexcolor": _pattern("#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _pattern(rf"rgb\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)"),
    "byte": _attempt(lambda text: base64.b64decode(text, validate=True)),
    "date": _attempt(_date),
    "date-time": _attempt(timestamps.parse),
    "datetime": _attempt(timestamps.parse),
    "duration": _attempt(_duration),
    "k8s-short-name": _pattern("[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"),
    "k8s-long-name": _pattern(
        r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
    ),
}
