"""Resources that are questions: access reviews, token reviews, who am I."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from kubepy.api import resources as r
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.authorization.attributes import Attributes
from kubepy.apiserver.handlers import decode, responses
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339

if TYPE_CHECKING:
    from kubepy.apiserver.served import Handler
    from kubepy.apiserver.server import APIServer

_Answer = Callable[["APIServer", Context, Obj], Awaitable[Obj]]


def handlers(server: APIServer) -> dict[tuple[str, str, str], Handler]:
    """The handler of each."""
    answers: dict[Any, _Answer] = {
        r.SELF_SUBJECT_ACCESS_REVIEWS: _self_access,
        r.SUBJECT_ACCESS_REVIEWS: _subject_access,
        r.LOCAL_SUBJECT_ACCESS_REVIEWS: _local_access,
        r.SELF_SUBJECT_RULES_REVIEWS: _self_rules,
        r.SELF_SUBJECT_REVIEWS: _self_review,
        r.TOKEN_REVIEWS: _token,
    }
    return {(gvr.group, gvr.resource, ""): _handler(server, answer) for gvr, answer in answers.items()}


def _handler(server: APIServer, answer: _Answer) -> Handler:
    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        review = decode.parse(context, body)
        decode.check_type(review, served.resource.gvk)
        decode.fit_as(context, review, served.resource.gvk)
        metadata = review.setdefault("metadata", {})
        metadata.setdefault("creationTimestamp", None)
        review["status"] = await answer(server, context, review)
        return await responses.send_object(context, review, code=201)

    return handle


def _check(review: Obj, *, subject: bool) -> None:
    """Raise 422 for a review that asks nothing, too much, or about nobody."""
    spec = review.get("spec") or {}
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    causes = []
    if resource is not None and path is not None:
        detail = "cannot be specified in combination with resourceAttributes"
        causes.append(errors.invalid_value("spec.nonResourceAttributes", path, detail))
    if resource is None and path is None:
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        causes.append(errors.invalid_value("spec.resourceAttributes", None, detail))
    if subject and not spec.get("user") and not spec.get("groups"):
        detail = "at least one of user or group must be specified"
        causes.append(errors.invalid_value("spec.user", spec.get("user") or "", detail))
    if causes:
        raise errors.invalid(GVK.of(review).gk, "", causes)


def _access(server: APIServer, user: User, spec: Obj) -> Obj:
    resource, path = spec.get("resourceAttributes") or {}, spec.get("nonResourceAttributes")
    if path is not None:
        wanted = Attributes(path.get("verb", ""), path=path.get("path", ""))
    else:
        fields = ("verb", "group", "resource", "subresource", "namespace", "name")
        selector = (resource.get("fieldSelector") or {}).get("rawSelector") or ""
        wanted = Attributes(*(resource.get(field, "") for field in fields))._replace(selector=selector)
    allowed, reason = server.authorizer.decide(user, wanted)
    status: Obj = {"allowed": allowed}
    if reason:
        status["reason"] = reason
    return status


async def _self_access(server: APIServer, context: Context, review: Obj) -> Obj:
    _check(review, subject=False)
    return _access(server, context.user, review.get("spec") or {})


async def _subject_access(server: APIServer, context: Context, review: Obj) -> Obj:
    _check(review, subject=True)
    spec = review.get("spec") or {}
    groups, extra = tuple(spec.get("groups") or ()), spec.get("extra") or {}
    user = User(spec.get("user", ""), groups, spec.get("uid", ""), extra)
    return _access(server, user, spec)


async def _local_access(server: APIServer, context: Context, review: Obj) -> Obj:
    _check(review, subject=True)
    spec, namespace = review.get("spec") or {}, context.info.namespace
    if spec.get("nonResourceAttributes") is not None:
        detail = "disallowed on this kind of request"
        cause = errors.forbidden_field("spec.nonResourceAttributes", detail)
        raise errors.invalid(GVK.of(review).gk, "", [cause])
    if (spec.get("resourceAttributes") or {}).get("namespace", "") != namespace:
        message = f"spec.resourceAttributes.namespace must match namespace: {namespace}"
        raise errors.bad_request(message)
    return await _subject_access(server, context, review)


async def _self_rules(server: APIServer, context: Context, review: Obj) -> Obj:
    namespace = (review.get("spec") or {}).get("namespace", "")
    if not namespace:
        raise errors.bad_request("no namespace on request")
    resource_rules, path_rules = [], []
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    rules = server.authorizer.rbac.rules_of(context.user, namespace)
    if context.user.is_master:
        rules = [everything, {"verbs": ["*"], "nonResourceURLs": ["*"]}]
    for rule in rules:
        if rule.get("nonResourceURLs"):
            path_rules.append({"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]})
        else:
            resource_rules.append(rule)
    return {"resourceRules": resource_rules, "nonResourceRules": path_rules, "incomplete": False}


async def _self_review(server: APIServer, context: Context, review: Obj) -> Obj:
    review["metadata"]["creationTimestamp"] = rfc3339(server.clock.time())
    return {"userInfo": context.user.as_info()}


async def _token(server: APIServer, context: Context, review: Obj) -> Obj:
    spec = review.get("spec") or {}
    token = spec.get("token", "")
    if not token:
        raise errors.bad_request("token is required for TokenReview in authentication")
    tokens = server.service_account_tokens
    asked = spec.get("audiences") or tokens.audiences
    found = tokens.review(token, asked)
    if found is not None:
        return {"authenticated": True, "user": found[0].as_info(), "audiences": found[1]}
    user = await server.authenticator.token_user(token)
    if user is None or (spec.get("audiences") and not set(asked) & set(tokens.audiences)):
        return {"user": {}, "error": "[invalid bearer token]"}
    return {"authenticated": True, "user": user.as_info(), "audiences": asked}
