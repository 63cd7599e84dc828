"""Gives Secrets their tokens; removes those whose account is gone."""

from __future__ import annotations

from kubepy.api.resources import SECRETS, SERVICE_ACCOUNTS
from kubepy.controllers.context import Context
from kubepy.controllers.serviceaccount_token import tokens
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Source
from kubepy.operator.source import to_self


def new(context: Context) -> Controller | None:
    """The token controller; none without the key that signs."""
    key_file, ca_file = context.config.service_account_private_key_file, context.config.root_ca_file
    if key_file is None:
        return None
    key = tokens.load_key(key_file)
    root_ca = ca_file.read_bytes() if ca_file is not None else b""
    of_type = f"type={tokens.TYPE}"
    secrets = context.factory.informer(SECRETS, field_selector=of_type)
    accounts = context.factory.informer(SERVICE_ACCOUNTS)

    async def account_of(secret: Obj) -> Obj | None:
        """From the API server where the cache does not have it: a Secret is not removed by mistake."""
        name, namespace = meta.annotations(secret).get(tokens.ACCOUNT_NAME, ""), meta.namespace(secret)
        account = accounts.lister.get(name, namespace)
        if account is None or not tokens.is_for(secret, account):
            try:
                account = await context.client.get(SERVICE_ACCOUNTS, name, namespace=namespace)
            except StatusError as error:
                if not errors.is_not_found(error):
                    raise
                return None
        return account if tokens.is_for(secret, account) else None

    async def reconcile(request: Request) -> None:
        secret = secrets.lister.get(request.name, request.namespace)
        if secret is None or meta.is_terminating(secret):
            return
        account = await account_of(secret)
        if account is None:
            try:
                await context.client.delete(
                    SECRETS, request.name, namespace=request.namespace, uid=meta.uid(secret)
                )
            except StatusError as error:
                if not (errors.is_not_found(error) or errors.is_conflict(error)):
                    raise
            return
        wanted = tokens.filled(secret, account, key, root_ca)
        if wanted is not secret:
            await context.client.update(SECRETS, wanted)

    def of_account(account: Obj) -> list[Request]:
        named = meta.name(account)
        listed = secrets.lister.list(meta.namespace(account))
        return [Request.of(s) for s in listed if meta.annotations(s).get(tokens.ACCOUNT_NAME) == named]

    controller = Controller("serviceaccount-token", reconcile)
    controller.add_source(Source(SECRETS, to_self, field_selector=of_type))
    return controller.watches(SERVICE_ACCOUNTS, of_account, lambda event, old, new: event == "delete")
