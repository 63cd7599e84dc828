"""Signs kube-public/cluster-info with every token that may sign."""

from __future__ import annotations

from kubepy.api.resources import CONFIG_MAPS, SECRETS
from kubepy.controllers.bootstrap import tokens
from kubepy.controllers.context import Context
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Result, Source

PUBLIC, NAME = "kube-public", "cluster-info"
CLUSTER_INFO = Request(PUBLIC, NAME)
AGAIN = 60.0
"""Tokens expire without anything changing."""


def new(context: Context) -> Controller:
    """The bootstrap signer. Without cluster-info (somebody who invites machines makes it) it does nothing."""
    tokens_source = Source(
        SECRETS, _cluster_info, namespace=tokens.NAMESPACE, field_selector=f"type={tokens.TYPE}"
    )
    info_source = Source(CONFIG_MAPS, _cluster_info, namespace=PUBLIC, field_selector=f"metadata.name={NAME}")
    secrets, config_maps = (
        context.factory.informer(each.gvr, namespace=each.namespace, field_selector=each.field_selector)
        for each in (tokens_source, info_source)
    )

    async def reconcile(_: Request) -> Result | None:
        info = config_maps.lister.get(NAME, PUBLIC)
        data = dict((info or {}).get("data") or {})
        if info is None or tokens.KUBECONFIG not in data:
            return None
        kept = {key: value for key, value in data.items() if not key.startswith(tokens.SIGNATURE)}
        now = context.clock.now()
        wanted = kept | tokens.signatures(secrets.lister.list(), data[tokens.KUBECONFIG], now)
        if wanted != data:
            await context.client.update(CONFIG_MAPS, {**info, "data": wanted})
        return Result(requeue_after=AGAIN)

    return Controller("bootstrap-signer", reconcile).add_source(tokens_source).add_source(info_source)


def _cluster_info(_: Obj) -> list[Request]:
    return [CLUSTER_INFO]
