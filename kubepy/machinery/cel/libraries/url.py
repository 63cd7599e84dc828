"""URLs."""

from __future__ import annotations

import re
from typing import ClassVar
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import function, method, traversal
from kubepy.machinery.cel.types import Type

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Url:
    """An absolute URI or an absolute path."""

    __slots__ = ("parts",)
    cel_type: ClassVar = Type("kubernetes.URL")

    def __init__(self, parts: SplitResult) -> None:
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)


def _parse(text: str) -> Url:
    def wrong(reason: str) -> EvaluationError:
        return EvaluationError(f'URL parse error during conversion from string: parse "{text}": {reason}')

    if _CONTROL.search(text):
        raise wrong("net/url: invalid control character in URL")
    if not text:
        raise wrong("empty url")
    if not text.startswith("/") and not _SCHEME.match(text):
        raise wrong("invalid URI for request")
    try:
        parts = urlsplit(text)
        if parts.port is not None and not parts.port >= 0:
            raise ValueError
    except ValueError:
        raise wrong("invalid port or host") from None
    if " " in parts.netloc:
        raise wrong('invalid character " " in host name')
    bad = _BAD_ESCAPE.search(parts.path)
    if bad is not None:
        raise wrong(f'invalid URL escape "{parts.path[bad.start() : bad.start() + 3]}"')
    if not parts.netloc and not parts.path.startswith("/"):
        raise wrong("invalid URI for request")
    return Url(parts)


@function("url(string) -> kubernetes.URL", cost=traversal(0))
def url(text: str) -> Url:
    return _parse(text)


@function("isURL(string) -> bool", cost=traversal(0))
def is_url(text: str) -> bool:
    try:
        _parse(text)
    except EvaluationError:
        return False
    return True


@method("kubernetes.URL.getScheme() -> string")
def scheme(value: Url) -> str:
    return value.parts.scheme


@method("kubernetes.URL.getHost() -> string")
def host(value: Url) -> str:
    return value.parts.netloc.rpartition("@")[2]


@method("kubernetes.URL.getHostname() -> string")
def hostname(value: Url) -> str:
    text = host(value)
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


@method("kubernetes.URL.getPort() -> string")
def port(value: Url) -> str:
    text = host(value).rpartition("]")[2]
    return text.partition(":")[2]


@method("kubernetes.URL.getEscapedPath() -> string")
def escaped_path(value: Url) -> str:
    return (
        quote(unquote(value.parts.path), safe="/$&+,:;=@!'()*~-._")
        if "%" not in value.parts.path
        else value.parts.path
    )


@method("kubernetes.URL.getQuery() -> map(string, list(string))")
def query(value: Url) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, part in parse_qsl(value.parts.query, keep_blank_values=True):
        found.setdefault(key, []).append(part)
    return found
