"""Puts the parts of the server together: stores and strategies, authenticators, authorizers, admission."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio.abc import TaskGroup

from kubepy.api import resources as r
from kubepy.apiserver import bootstrap
from kubepy.apiserver.admission.chain import AdmissionChain
from kubepy.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kubepy.apiserver.authentication import jwt
from kubepy.apiserver.authentication.authenticator import Authenticator, TokenAuthenticator
from kubepy.apiserver.authentication.service_account import ServiceAccountTokens
from kubepy.apiserver.authentication.token_file import TokenFile
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.apiserver.authorization.node import NodeAuthorizer
from kubepy.apiserver.authorization.rbac import RBAC
from kubepy.apiserver.cacher import Entry, ResourceCache, keys
from kubepy.apiserver.dispatch import Handler
from kubepy.apiserver.openapi import OpenAPI
from kubepy.apiserver.registry.namespaces import NamespaceStrategy
from kubepy.apiserver.registry.pods import PodStrategy
from kubepy.apiserver.registry.store import Store
from kubepy.apiserver.registry.strategy import Strategy
from kubepy.apiserver.served import Served, ServedResources
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import make_key

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer


@dataclass
class Parts:
    """What `build` made."""

    served: ServedResources
    authenticator: Authenticator
    authorizer: Authorizer
    service_account_tokens: ServiceAccountTokens
    openapi: OpenAPI
    handlers: dict[tuple[str, str, str], Handler]
    rbac: RBAC

    async def start(self, server: APIServer, tasks: TaskGroup) -> None:
        """Once the watch cache is loaded: connect what listens to it, make the default objects."""
        for roles, bindings in ((r.CLUSTER_ROLES, r.CLUSTER_ROLE_BINDINGS), (r.ROLES, r.ROLE_BINDINGS)):
            self.rbac.follow(self.served.get(roles).store.cache, self.served.get(bindings).store.cache)
        await bootstrap.run(server)


class _FileTokens:
    def __init__(self, file: TokenFile) -> None:
        self._file = file

    async def authenticate_token(self, token: str) -> User | None:
        return self._file.authenticate(token)


def build(server: APIServer) -> Parts:
    """Make all parts of a server."""
    config, clock = server.config, server.clock
    served = ServedResources()

    def cache(gvr: GVR) -> ResourceCache:
        return server.cacher.resource(keys.prefix(r.BY_GVR[r.BY_GVR[gvr].storage_gvr]))

    def lookup(gvr: GVR, namespace: str, name: str) -> Entry | None:
        return cache(gvr).get(make_key(namespace, name))

    admission = AdmissionChain([NamespaceLifecycle(cache(r.NAMESPACES))])
    strategies: dict[GVR, Strategy] = {r.NAMESPACES: NamespaceStrategy(), r.PODS: PodStrategy()}
    for resource in r.RESOURCES:
        strategy = strategies.get(resource.gvr) or Strategy(resource.gvr)
        store = Store(resource, strategy, server.backend, server.cacher, admission, clock)
        served.add(Served(resource, store, clock))
    tokens = ServiceAccountTokens(
        lookup,
        clock,
        issuer=config.service_account_issuer,
        audiences=config.audiences,
        signing_key=jwt.load_private_key(config.service_account_signing_key_file)
        if config.service_account_signing_key_file
        else None,
        verification_keys=[jwt.load_public_key(path) for path in config.service_account_key_files],
    )
    authenticators: list[TokenAuthenticator] = [tokens]
    if config.token_auth_file is not None:
        authenticators.insert(0, _FileTokens(TokenFile(config.token_auth_file)))
    rbac = RBAC()
    return Parts(
        served=served,
        authenticator=Authenticator(authenticators, anonymous=config.anonymous_auth),
        authorizer=Authorizer(rbac, NodeAuthorizer()),
        service_account_tokens=tokens,
        openapi=OpenAPI(lambda: [s.resource for s in served]),
        handlers={},
        rbac=rbac,
    )
