"""serviceaccounts/NAME/token: TokenRequest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from kubepy.api import resources as r
from kubepy.apiserver.handlers import decode, responses
from kubepy.apiserver.registry.options import dry_run
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.gvk import GK, GR, GVK, parse_api_version
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339

if TYPE_CHECKING:
    from kubepy.apiserver.served import Handler
    from kubepy.apiserver.server import APIServer

_TOKEN_REQUEST = GVK("authentication.k8s.io", "v1", "TokenRequest")
_HOUR = 3600
_SHORTEST = 600
_LONGEST = 2**32
_BOUND = {"Pod": r.PODS, "Secret": r.SECRETS, "Node": r.NODES}


def handler(server: APIServer) -> Handler:
    """Issues tokens."""

    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        wanted = decode.parse(context, body)
        decode.check_type(wanted, _TOKEN_REQUEST)
        decode.fit_as(context, wanted, _TOKEN_REQUEST)
        info = context.info
        entry = await served.store.get(info.namespace, info.name)
        spec = wanted.setdefault("spec", {})
        dry = dry_run(context.query.all("dryRun"), "CreateOptions")
        wanted = await served.store.admit(context, "CREATE", wanted, None, dry_run=dry) or wanted
        spec = wanted.setdefault("spec", {})
        seconds = spec.setdefault("expirationSeconds", _HOUR)
        _validate(info.name, seconds)
        tokens = server.service_account_tokens
        if not tokens.can_sign:
            raise errors.internal_error("no service account signing key is configured")
        audiences = spec.get("audiences") or tokens.audiences
        spec["audiences"] = audiences
        bound, node = await _bound(server, info.namespace, info.name, spec.get("boundObjectRef"))
        token, expires = tokens.issue(entry.obj, audiences, seconds, bound, node)
        wanted["metadata"] = {
            "name": info.name,
            "namespace": info.namespace,
            "creationTimestamp": rfc3339(server.clock.time()),
        }
        wanted["status"] = {"token": token, "expirationTimestamp": rfc3339(expires)}
        return await responses.send_object(context, wanted, code=201)

    return handle


def _validate(name: str, seconds: int) -> None:
    detail = ""
    if seconds < _SHORTEST:
        detail = "may not specify a duration less than 10 minutes"
    elif seconds > _LONGEST:
        detail = "may not specify a duration larger than 2^32 seconds"
    if detail:
        cause = errors.invalid_value("spec.expirationSeconds", seconds, detail)
        raise errors.invalid(GK("authentication.k8s.io", "TokenRequest"), name, [cause])


async def _bound(
    server: APIServer, namespace: str, account: str, reference: Obj | None
) -> tuple[tuple[str, Obj] | None, Obj | None]:
    """The object the token dies with, and the node of a pod. Raises 400, 404 or 409."""
    if not reference:
        return None, None
    kind, name = reference.get("kind", ""), reference.get("name", "")
    gvr = _BOUND.get(kind)
    if gvr is None or reference.get("apiVersion", "v1") != "v1":
        group, version = parse_api_version(reference.get("apiVersion") or "v1")
        raise errors.bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
    store = server.served.get(gvr).store
    obj = (await store.get(namespace if store.resource.namespaced else "", name)).obj
    uid = reference.get("uid")
    if uid and uid != obj["metadata"]["uid"]:
        detail = f"the UID in the bound object reference ({uid}) does not match the UID in record. "
        detail += "The object might have been deleted and then recreated"
        raise errors.conflict(GR("", kind), name, detail)
    node = None
    if kind == "Pod":
        if (obj.get("spec") or {}).get("serviceAccountName", "default") != account:
            raise errors.bad_request(
                f'cannot bind token for serviceaccount "{account}" to pod running with different '
                f"serviceaccount name."
            )
        node_name = (obj.get("spec") or {}).get("nodeName", "")
        found = server.served.get(r.NODES).store.cache.get(node_name) if node_name else None
        node = found.obj if found else None
    return (kind.lower(), obj), node
