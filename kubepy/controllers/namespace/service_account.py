"""Every namespace has the service account "default"."""

from __future__ import annotations

from kubepy.api.resources import NAMESPACES, SERVICE_ACCOUNTS
from kubepy.controllers.context import Context
from kubepy.controllers.ensure import ensure
from kubepy.machinery import meta
from kubepy.operator import Controller, Request

NAME = "default"


def new(context: Context) -> Controller:
    """The service account controller."""
    namespaces = context.factory.informer(NAMESPACES)
    accounts = context.factory.informer(SERVICE_ACCOUNTS)

    async def reconcile(request: Request) -> None:
        namespace = namespaces.lister.get(request.name)
        if namespace is None or meta.is_terminating(namespace):
            return
        if accounts.lister.get(NAME, request.name) is None:
            account = {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": NAME, "namespace": request.name},
            }
            await ensure(context.client, SERVICE_ACCOUNTS, account)

    controller = Controller("serviceaccount", reconcile)
    return controller.for_(NAMESPACES).watches(SERVICE_ACCOUNTS, lambda a: [Request("", meta.namespace(a))])
