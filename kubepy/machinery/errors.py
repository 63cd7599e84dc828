"""Status errors: failures of the API as exceptions that carry Kubernetes' own Status object.

Reasons, codes and texts are those of k8s.io/apimachinery/pkg/api/errors.
Errors of single fields are built by `field_errors` and gathered here by `invalid`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubepy.machinery.field_errors import (
    Cause,
    aggregate,
    duplicate,
    forbidden_field,
    internal_field_error,
    invalid_value,
    not_found_value,
    not_supported,
    required,
    too_long,
    too_many,
    type_invalid,
)
from kubepy.machinery.gvk import GK, GR
from kubepy.machinery.meta import Obj

__all__ = [
    "Cause",
    "StatusError",
    "already_exists",
    "bad_request",
    "conflict",
    "duplicate",
    "expired",
    "forbidden",
    "forbidden_field",
    "from_status",
    "gone",
    "internal_error",
    "internal_field_error",
    "invalid",
    "invalid_value",
    "is_already_exists",
    "is_bad_request",
    "is_conflict",
    "is_expired",
    "is_forbidden",
    "is_invalid",
    "is_not_found",
    "is_too_many_requests",
    "is_unauthorized",
    "method_not_supported",
    "not_acceptable",
    "not_found",
    "not_found_value",
    "not_supported",
    "request_entity_too_large",
    "required",
    "server_timeout",
    "service_unavailable",
    "timeout_error",
    "too_long",
    "too_many",
    "too_many_requests",
    "type_invalid",
    "unauthorized",
    "unsupported_media_type",
]


class StatusError(Exception):
    """A failure that a client sees as a Status object."""

    def __init__(self, status: Obj) -> None:
        super().__init__(status.get("message") or "")
        self.status = status

    @property
    def code(self) -> int:
        """The HTTP status code."""
        return int(self.status.get("code") or 500)

    @property
    def reason(self) -> str:
        """The machine-readable reason, "NotFound" for example."""
        return self.status.get("reason") or ""

    @property
    def message(self) -> str:
        """The sentence for people."""
        return self.status.get("message") or ""

    @property
    def details(self) -> Obj:
        """The details object ({} when there is none)."""
        return self.status.get("details") or {}


def _error(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> StatusError:
    status: Obj = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
    }
    if details:
        status["details"] = details
    status["code"] = code
    return StatusError(status)


def _details(gr: GR, name: str = "") -> dict[str, Any]:
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if gr.group:
        details["group"] = gr.group
    details["kind"] = gr.resource
    return details


def from_status(status: Obj) -> StatusError:
    """Make an exception of a Status object that came from a server."""
    return StatusError(status)


def not_found(gr: GR, name: str) -> StatusError:
    """404: the object is not there."""
    return _error(404, "NotFound", f'{gr} "{name}" not found', _details(gr, name))


def path_not_found() -> StatusError:
    """404: nothing is served at the path."""
    return _error(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(gr: GR, name: str) -> StatusError:
    """409: an object of that name exists."""
    return _error(409, "AlreadyExists", f'{gr} "{name}" already exists', _details(gr, name))


def conflict(gr: GR, name: str, detail: str) -> StatusError:
    """409: the change does not fit the object's present state (its resourceVersion, most often)."""
    message = f'Operation cannot be fulfilled on {gr} "{name}": {detail}'
    return _error(409, "Conflict", message, _details(gr, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def modified(gr: GR, name: str) -> StatusError:
    """409 of a lost race between two writers."""
    return conflict(gr, name, MODIFIED)


def invalid(gk: GK, name: str, causes: Sequence[Cause]) -> StatusError:
    """422: the object breaks the rules its causes name."""
    details: dict[str, Any] = {"name": name} if name else {}
    if gk.group:
        details["group"] = gk.group
    details["kind"] = gk.kind
    message = f'{gk} "{name}" is invalid'
    if causes:
        details["causes"] = [cause.as_dict() for cause in causes]
        message = f"{message}: {aggregate(causes)}"
    return _error(422, "Invalid", message, details)


def forbidden(gr: GR, name: str, detail: str) -> StatusError:
    """403: the caller may not do this, or a policy of the cluster is against it."""
    if not gr.resource:
        message = f"forbidden: {detail}"
    elif not name:
        message = f"{gr} is forbidden: {detail}"
    else:
        message = f'{gr} "{name}" is forbidden: {detail}'
    return _error(403, "Forbidden", message, _details(gr, name))


def unauthorized(message: str = "Unauthorized") -> StatusError:
    """401: nobody knows who is calling."""
    return _error(401, "Unauthorized", message)


def bad_request(message: str) -> StatusError:
    """400: the request itself is wrong."""
    return _error(400, "BadRequest", message)


def method_not_supported(gr: GR, verb: str) -> StatusError:
    """405: the resource does not have the verb."""
    message = f'{verb} is not supported on resources of kind "{gr}"'
    return _error(405, "MethodNotAllowed", message, _details(gr))


def method_not_allowed() -> StatusError:
    """405 as the generic server words it for a path."""
    message = "the server does not allow this method on the requested resource"
    return _error(405, "MethodNotAllowed", message, {})


def expired(message: str) -> StatusError:
    """410: the resourceVersion or continue token asked for has been compacted away."""
    return _error(410, "Expired", message)


def gone(message: str) -> StatusError:
    """410: it was here, and will not be again."""
    return _error(410, "Gone", message)


def too_many_requests(message: str, retry_after: int = 0) -> StatusError:
    """429: try again after `retry_after` seconds."""
    details = {"retryAfterSeconds": retry_after} if retry_after else None
    return _error(429, "TooManyRequests", message, details)


def internal_error(message: str) -> StatusError:
    """500: the server's own fault."""
    details = {"causes": [{"message": message}]}
    return _error(500, "InternalError", f"Internal error occurred: {message}", details)


def timeout_error(message: str, retry_after: int = 0) -> StatusError:
    """504: the request took too long."""
    details = {"retryAfterSeconds": retry_after} if retry_after else None
    return _error(504, "Timeout", f"Timeout: {message}", details)


def too_large_resource_version(wanted: int, current: int) -> StatusError:
    """504: a read names a resourceVersion that is not reached yet."""
    error = timeout_error(f"Too large resource version: {wanted}, current: {current}", 1)
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    error.status["details"]["causes"] = [cause]
    return error


def server_timeout(gr: GR, operation: str, retry_after: int = 0) -> StatusError:
    """500: the operation could not be finished in time, trying again is safe."""
    message = f"The {operation} operation against {gr} could not be completed at this time, please try again."
    details = _details(gr)
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    return _error(500, "ServerTimeout", message, details)


def request_entity_too_large(message: str) -> StatusError:
    """413: the body is larger than the server takes."""
    return _error(413, "RequestEntityTooLarge", f"Request entity is too large: {message}")


def unsupported_media_type(supported: Sequence[str]) -> StatusError:
    """415: the body's Content-Type is none of those that are supported."""
    accepted = ", ".join(supported)
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return _error(415, "UnsupportedMediaType", message)


def not_acceptable(supported: Sequence[str]) -> StatusError:
    """406: none of the representations in Accept can be served."""
    message = f"only the following media types are accepted: {', '.join(supported)}"
    return _error(406, "NotAcceptable", message)


def service_unavailable(message: str) -> StatusError:
    """503: not now."""
    return _error(503, "ServiceUnavailable", message)


def _has(error: BaseException, code: int, *reasons: str) -> bool:
    """Tell whether it is a status error of one of the reasons, or of the code with an unknown reason."""
    if not isinstance(error, StatusError):
        return False
    if error.reason in reasons:
        return True
    return error.code == code and error.reason in ("", "Unknown")


def is_not_found(error: BaseException) -> bool:
    """Tell whether the object (or path) was not there."""
    return _has(error, 404, "NotFound")


def is_already_exists(error: BaseException) -> bool:
    """Tell whether a create met an object of the same name."""
    return isinstance(error, StatusError) and error.reason == "AlreadyExists"


def is_conflict(error: BaseException) -> bool:
    """Tell whether another writer came first, or a precondition failed."""
    return _has(error, 409, "Conflict")


def is_expired(error: BaseException) -> bool:
    """Tell whether a list or watch must start anew (410 of either reason)."""
    return isinstance(error, StatusError) and (error.reason in ("Expired", "Gone") or error.code == 410)


def is_forbidden(error: BaseException) -> bool:
    """Tell whether the caller lacked the right, or admission refused."""
    return _has(error, 403, "Forbidden")


def is_invalid(error: BaseException) -> bool:
    """Tell whether validation refused the object."""
    return _has(error, 422, "Invalid")


def is_unauthorized(error: BaseException) -> bool:
    """Tell whether authentication failed."""
    return _has(error, 401, "Unauthorized")


def is_bad_request(error: BaseException) -> bool:
    """Tell whether the request was malformed."""
    return _has(error, 400, "BadRequest")


def is_too_many_requests(error: BaseException) -> bool:
    """Tell whether the server asks to slow down (or an eviction budget is spent)."""
    return isinstance(error, StatusError) and (error.reason == "TooManyRequests" or error.code == 429)


def patch_rejected() -> StatusError:
    """422: the patch is well formed but does not apply (a failed JSON patch test, for example)."""
    message = "the server rejected our request due to an error in our request"
    return _error(422, "Invalid", message, {})
