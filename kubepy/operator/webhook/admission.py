"""AdmissionReview: a request in, an allowance with warnings and a patch out. No I/O."""

import base64
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from kubepy.machinery import meta
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj
from kubepy.util.logging import get_logger

log = get_logger(__name__)


class Denied(Exception):
    """Raised by a webhook: the request is refused with this message."""

    def __init__(self, message: str, *, code: int = 403, reason: str = "Forbidden") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason


@dataclass
class AdmissionRequest:
    """What is asked: `operation` is CREATE, UPDATE, DELETE or CONNECT.

    `obj` is the object as it would be (None for DELETE), `old` as it is (None for CREATE).
    """

    uid: str
    operation: str
    kind: GVK
    resource: GVR
    subresource: str
    namespace: str
    name: str
    obj: Obj | None
    old: Obj | None
    user: str
    groups: tuple[str, ...]
    dry_run: bool
    options: Obj
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, request: Obj) -> "AdmissionRequest":
        """From the review's request; KeyError when it is none."""
        kind, resource = request["kind"], request["resource"]
        user = request.get("userInfo") or {}
        return cls(
            uid=request["uid"],
            operation=request["operation"],
            kind=GVK(kind.get("group", ""), kind["version"], kind["kind"]),
            resource=GVR(resource.get("group", ""), resource["version"], resource["resource"]),
            subresource=request.get("subResource") or "",
            namespace=request.get("namespace") or "",
            name=request.get("name") or "",
            obj=request.get("object"),
            old=request.get("oldObject"),
            user=user.get("username") or "",
            groups=tuple(user.get("groups") or ()),
            dry_run=bool(request.get("dryRun")),
            options=request.get("options") or {},
        )

    def warn(self, message: str) -> None:
        """Shown to the caller (kubectl prints it), whatever becomes of the request."""
        self.warnings.append(message)


#: Looks at a request; raises Denied, or ValueError with what is wrong, to refuse it.
Validator = Callable[[AdmissionRequest], Awaitable[None] | None]
#: Changes `request.obj` in place, or returns the object to be in its place; may refuse as a Validator.
Mutator = Callable[[AdmissionRequest], Awaitable[Obj | None] | Obj | None]


async def review(body: bytes, handler: Callable[[AdmissionRequest], Any], *, mutates: bool) -> bytes:
    """The answer to an AdmissionReview (v1). Raises ValueError for a body that is none.

    An exception of the handler that is no refusal is logged and becomes an error of code 500, which the
    webhook's failurePolicy does not excuse: the request is refused.
    """
    try:
        sent = orjson.loads(body)
        request = AdmissionRequest.of(sent["request"])
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an AdmissionReview: {error}") from error
    response: Obj = {"uid": request.uid, "allowed": True}
    before = meta.deep_copy(request.obj) if mutates and request.obj is not None else None
    try:
        result = handler(request)
        if inspect.isawaitable(result):
            result = await result
    except Denied as denied:
        response |= _refusal(denied.message, denied.code, denied.reason)
    except ValueError as error:
        response |= _refusal(str(error), 422, "Invalid")
    except Exception as error:
        log.exception("webhook failed", resource=str(request.resource.gr), name=request.name)
        response |= _refusal(f"webhook failed: {type(error).__name__}", 500, "InternalError")
    else:
        if before is not None:
            operations = list(_difference(before, request.obj if result is None else result, ""))
            if operations:
                response["patchType"] = "JSONPatch"
                response["patch"] = base64.b64encode(orjson.dumps(operations)).decode()
    if request.warnings:
        response["warnings"] = request.warnings
    return orjson.dumps({"apiVersion": sent["apiVersion"], "kind": "AdmissionReview", "response": response})


def _refusal(message: str, code: int, reason: str) -> Obj:
    return {"allowed": False, "status": {"message": message, "code": code, "reason": reason}}


def _difference(before: Any, after: Any, path: str) -> Any:
    """JSON Patch operations from one value to another; lists are replaced whole."""
    if before == after and type(before) is type(after):
        return
    if not (isinstance(before, dict) and isinstance(after, dict)):
        yield {"op": "replace", "path": path, "value": after}
        return
    for key in before.keys() - after.keys():
        yield {"op": "remove", "path": f"{path}/{_pointer(key)}"}
    for key, value in after.items():
        below = f"{path}/{_pointer(key)}"
        if key in before:
            yield from _difference(before[key], value, below)
        else:
            yield {"op": "add", "path": below, "value": value}


def _pointer(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
