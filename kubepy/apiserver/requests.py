"""What a request asks for: the attributes Kubernetes reads from method, path and query (RequestInfo)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, unquote

from kubepy.apiserver.authentication.user import User
from kubepy.machinery import errors
from kubepy.util.uids import uuid4

_VERBS = {
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
    "GET": "get",
    "HEAD": "get",
}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")
_MAX_AUDIT_ID = 64
_MAX_MANAGER = 128
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class Query:
    """Query parameters, read as Kubernetes' conversion reads them."""

    __slots__ = ("_values", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._values: Mapping[str, list[str]] = parse_qs(text, keep_blank_values=True) if text else {}

    @property
    def is_empty(self) -> bool:
        """True when there are no parameters."""
        return not self._values

    def get(self, name: str, default: str = "") -> str:
        """The first value."""
        found = self._values.get(name)
        return found[0] if found else default

    def all(self, name: str) -> list[str]:
        """Every value."""
        return self._values.get(name, [])

    def flag(self, name: str) -> bool:
        """A boolean; a bare `?watch` is true. Any other word counts as true, as kube-apiserver has it."""
        found = self._values.get(name)
        return found is not None and found[0] not in _FALSE

    def optional_flag(self, name: str) -> bool | None:
        """A boolean that may be absent."""
        return self.flag(name) if name in self._values else None

    def number(self, name: str) -> int | None:
        """An integer; raises 400 for anything else."""
        text = self.get(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None

    def __contains__(self, name: str) -> bool:
        return name in self._values


NO_QUERY = Query("")


@dataclass(slots=True)
class RequestInfo:
    """A request for a resource (`resource` is set) or for a plain path.

    Never changed: requests for the same share it.
    """

    method: str
    path: str
    verb: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    selector: str = ""  # fieldSelector of a list, watch or deletecollection
    rest: str = ""  # behind the subresource, for proxies: "/metrics"

    @property
    def is_resource(self) -> bool:
        """True for /api/v1/... and /apis/GROUP/VERSION/... below the version."""
        return bool(self.resource)


class Audit(Protocol):
    """What a request tells the audit log on its way."""

    def request_body(self, body: bytes) -> None:
        """What the client has sent."""
        ...

    def response_started(self, code: int) -> None:
        """An answer that takes long has begun."""
        ...


@dataclass(slots=True)
class Context:
    """One request on its way through the house."""

    info: RequestInfo
    query: Query
    user: User
    headers: Mapping[str, str]
    warnings: list[str]
    annotations: dict[str, str] | None = None  # of the audit event; None while nobody audits
    audit: Audit | None = None
    _audit_id: str = ""

    @property
    def audit_id(self) -> str:
        """What the header Audit-Id says: the client's own, or one for this request."""
        if not self._audit_id:
            given = self.headers.get("Audit-ID", "")[:_MAX_AUDIT_ID]
            self._audit_id = given if given and given.isprintable() else uuid4()
        return self._audit_id

    def response_started(self, code: int) -> None:
        """An answer that takes long has begun."""
        if self.audit is not None:
            self.audit.response_started(code)

    @property
    def manager(self) -> str:
        """Who owns the fields that the request writes: fieldManager, or what the user agent begins with."""
        named = self.query.get("fieldManager")
        if named:
            return named
        agent = self.headers.get("User-Agent", "").partition("/")[0]
        return "".join(filter(str.isprintable, agent))[:_MAX_MANAGER]

    def annotate(self, key: str, value: str) -> None:
        """Add an annotation to the request's audit event; the first value of a key stays."""
        if self.annotations is not None:
            self.annotations.setdefault(key, value)

    def warn(self, message: str) -> None:
        """Send the client a Warning header with its answer; each text once."""
        if message not in self.warnings:
            self.warnings.append(message)


def parse(method: str, path: str, query: Query) -> RequestInfo:
    """Read a raw (still percent-encoded) path."""
    return _known(method, path) if query.is_empty else _parse(method, path, query)


@functools.lru_cache(maxsize=2048)
def _known(method: str, path: str) -> RequestInfo:
    """Requests without a query are many to few paths."""
    return _parse(method, path, NO_QUERY)


def _parse(method: str, path: str, query: Query) -> RequestInfo:
    plain = unquote(path) if "%" in path else path
    parts = [unquote(p) if "%" in p else p for p in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        return _read_resource(method, plain, "", parts[1], parts[2:], query)
    if parts[0] == "apis" and len(parts) > 3:
        return _read_resource(method, plain, parts[1], parts[2], parts[3:], query)
    return RequestInfo(method, plain, method.lower())


def _read_resource(
    method: str, path: str, group: str, version: str, parts: list[str], query: Query
) -> RequestInfo:
    verb = _VERBS.get(method, "")
    namespace = selector = ""
    legacy_watch = parts[0] == "watch" and len(parts) > 1
    if legacy_watch:
        parts = parts[1:]
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    resource, name, subresource, *rest = *parts[:3], *("", "", "")[len(parts) :], *parts[3:]
    if legacy_watch:
        verb = "watch"
    elif not name and verb == "get":
        verb = "watch" if query.flag("watch") else "list"
    elif not name and verb == "delete":
        verb = "deletecollection"
    if verb in ("list", "watch", "deletecollection"):
        selector = query.get("fieldSelector")
        name = name or _name_in(selector)
    further = "/" + "/".join(rest) if rest else ""
    return RequestInfo(
        method, path, verb, group, version, namespace, resource, name, subresource, selector, further
    )


def _name_in(selector: str) -> str:
    """Authorization may grant a list or watch of the one object that a field selector names."""
    for term in selector.split(","):
        field, equals, value = term.partition("=")
        if equals and field == "metadata.name":
            return value.removeprefix("=")
    return ""
