"""Removes bootstrap tokens once they have expired."""

from __future__ import annotations

from kubepy.api.resources import SECRETS
from kubepy.controllers.bootstrap import tokens
from kubepy.controllers.context import Context
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.operator import Controller, Request, Result, Source
from kubepy.operator.source import to_self


def new(context: Context) -> Controller:
    """The token cleaner."""
    source = Source(SECRETS, to_self, namespace=tokens.NAMESPACE, field_selector=f"type={tokens.TYPE}")
    secrets = context.factory.informer(
        SECRETS, namespace=source.namespace, field_selector=source.field_selector
    )

    async def reconcile(request: Request) -> Result | None:
        secret = secrets.lister.get(request.name, request.namespace)
        token = tokens.token_of(secret) if secret is not None else None
        if secret is None or token is None or token.expires is None:
            return None
        left = (token.expires - context.clock.now()).total_seconds()
        if left > 0:
            return Result(requeue_after=left)
        try:
            await context.client.delete(
                SECRETS, request.name, namespace=request.namespace, uid=meta.uid(secret)
            )
        except StatusError as error:
            if not (errors.is_not_found(error) or errors.is_conflict(error)):
                raise
        return None

    return Controller("token-cleaner", reconcile).add_source(source)
