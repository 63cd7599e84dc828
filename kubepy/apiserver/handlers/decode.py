"""From a body to an object of the kind the path names: parsed, fitted into its fields, defaulted."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Protocol

from kubepy.api.scheme import SCHEME
from kubepy.apiserver import negotiation
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.gvk import GK, GVK
from kubepy.machinery.meta import Obj

_CHOICES = ("", "Ignore", "Warn", "Strict")


def field_validation(context: Context) -> str:
    """The query parameter. Raises 422 for a word that is none of the three."""
    wanted = context.query.get("fieldValidation")
    if wanted not in _CHOICES:
        cause = errors.not_supported("fieldValidation", wanted, ["", "Ignore", "Strict", "Warn"])
        raise errors.invalid(GK("meta.k8s.io", "CreateOptions"), "", [cause])
    return wanted or "Warn"


def parse(context: Context, body: bytes) -> Obj:
    """The body as a dict."""
    parsed = negotiation.parse_body(body, context.headers.get("Content-Type", ""))
    if not isinstance(parsed, dict):
        raise errors.bad_request("the object provided is unrecognized: an object was expected")
    return parsed


def check_type(obj: Obj, gvk: GVK) -> None:
    """Fill in or compare apiVersion and kind. Raises 400."""
    if not obj.get("kind"):
        obj["kind"] = gvk.kind
    if not obj.get("apiVersion"):
        obj["apiVersion"] = gvk.api_version
    if obj["kind"] != gvk.kind or obj["apiVersion"] != gvk.api_version:
        found = f"{obj['apiVersion']}, Kind={obj['kind']}"
        if obj["apiVersion"] != gvk.api_version:
            raise errors.bad_request(
                f"the API version in the data ({obj['apiVersion']}) does not match the expected API version "
                f"({gvk.api_version})"
            )
        raise errors.bad_request(
            f'{gvk.kind} in version "{gvk.version}" cannot be handled as a {obj["kind"]}: '
            f'no kind "{obj["kind"]}" is registered for version "{gvk.api_version}" ({found})'
        )


class Decode(Protocol):
    """`Kind.decode`."""

    def __call__(self, obj: Obj, *, strict: bool = False) -> list[str]:
        """Fit the object into its fields; gives what was dropped."""
        ...


def fit(context: Context, obj: Obj, decode: Decode) -> bool:
    """Drop or refuse unknown fields as fieldValidation says; refuse wrong types.

    Gives True when there was none.
    """
    wanted = field_validation(context)
    messages = decode(obj, strict=wanted == "Strict")
    if wanted == "Warn":
        for message in messages:
            context.warn(message)
    return not messages


def fit_fields(context: Context, obj: Obj, fields: Collection[str], decode: Decode) -> None:
    """`fit` for an object that has been fitted before, of which only these fields have changed."""
    part = {field: value for field, value in obj.items() if field in fields}  # messages come in this order
    fit(context, part, decode)
    for field in fields:
        if field in part:
            obj[field] = part[field]
        else:
            obj.pop(field, None)


def fit_as(context: Context, obj: Obj, gvk: GVK) -> None:
    """`fit` for a built-in kind that is not the path's own: the body of a subresource."""
    fit(context, obj, partial(SCHEME.decode, gvk))


def read(context: Context, served: Served, body: bytes) -> Obj:
    """The object of a create or update in its stored version, decoded and defaulted."""
    obj = parse(context, body)
    return settle(context, served, obj)


def settle(context: Context, served: Served, obj: Obj, written: Collection[str] | None = None) -> Obj:
    """What `read` does after parsing; also for the outcome of a patch.

    `written` are the fields of a stored object that a patch may have changed (None: it may be any).
    """
    check_type(obj, served.resource.gvk)
    if written is None or served.revert is not None:
        fit(context, obj, served.kind.decode)
    else:
        fit_fields(context, obj, written, served.kind.decode)
    obj.setdefault("metadata", {})
    if served.revert is not None:
        obj = served.revert(obj)
    served.store.kind.default(obj)
    return obj


def check_namespace(context: Context, served: Served, obj: Obj) -> None:
    """The namespace of the body must be the path's. Raises 400."""
    namespace = obj["metadata"].get("namespace") or ""
    wanted = served.namespace(context)
    if namespace and namespace != wanted:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if served.resource.namespaced and not wanted:
        raise errors.bad_request("an empty namespace may not be set during creation")


def check_name(context: Context, obj: Obj) -> None:
    """The name of the body must be the path's. Raises 400."""
    name = obj["metadata"].get("name") or ""
    if not name:
        obj["metadata"]["name"] = context.info.name
    elif name != context.info.name:
        raise errors.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({context.info.name})"
        )
