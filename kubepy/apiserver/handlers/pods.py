"""Subresources of pods that write: binding and eviction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from kubepy.api import resources as r
from kubepy.apiserver.handlers import decode, responses
from kubepy.apiserver.registry import disruption
from kubepy.apiserver.registry.options import DeleteOptions, dry_run
from kubepy.apiserver.registry.pods import bind
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.apiserver.served import Handler
    from kubepy.apiserver.server import APIServer

_BINDING = GVK("", "v1", "Binding")
_EVICTION = GVK("policy", "v1", "Eviction")


def binding(server: APIServer) -> Handler:
    """POST of pods/NAME/binding and of bindings."""

    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        wanted = decode.parse(context, body)
        decode.check_type(wanted, _BINDING)
        decode.fit_as(context, wanted, _BINDING)
        name = context.info.name or (wanted.get("metadata") or {}).get("name") or ""
        if (wanted.get("metadata") or {}).get("name") not in (None, "", name):
            raise errors.bad_request("name in URL does not match name in Binding object")

        dry = dry_run(context.query.all("dryRun"), "CreateOptions")
        admitted = await served.store.admit(context, "CREATE", wanted, None, dry_run=dry) or wanted

        async def change(pod: Obj) -> Obj:
            return bind(pod, admitted, server.clock)

        store = server.served.get(r.PODS).store
        await store.update(context, context.info.namespace, name, change, dry_run=dry, internal=True)
        return await responses.send_object(context, _success(), code=201)

    return handle


def eviction(server: APIServer) -> Handler:
    """POST of pods/NAME/eviction."""

    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        wanted = decode.parse(context, body)
        if wanted.get("apiVersion") == "policy/v1beta1":
            wanted["apiVersion"] = "policy/v1"
        decode.check_type(wanted, _EVICTION)
        decode.fit_as(context, wanted, _EVICTION)
        options = DeleteOptions.read(wanted.get("deleteOptions"), context.query)
        admitted = await served.store.admit(context, "CREATE", wanted, None, dry_run=options.dry_run)
        options = DeleteOptions.read((admitted or wanted).get("deleteOptions"), context.query)
        entry = await served.store.get(context.info.namespace, context.info.name)
        await disruption.spend(context, server.served.get(r.POD_DISRUPTION_BUDGETS).store, entry.obj, options)
        await served.store.delete(context, context.info.namespace, context.info.name, options)
        return await responses.send_object(context, _success(), code=201)

    return handle


def _success() -> Obj:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
