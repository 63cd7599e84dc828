"""Puts the parts of the server together: stores and strategies, authenticators, authorizers, admission."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio.abc import TaskGroup

from kubepy.api import resources as r
from kubepy.api.scheme import SCHEME
from kubepy.apiserver import bootstrap
from kubepy.apiserver.admission import plugins
from kubepy.apiserver.authentication import jwt
from kubepy.apiserver.authentication.authenticator import Authenticator, TokenAuthenticator
from kubepy.apiserver.authentication.bootstrap_token import BootstrapTokens
from kubepy.apiserver.authentication.oidc import OIDCTokens
from kubepy.apiserver.authentication.service_account import ServiceAccountTokens
from kubepy.apiserver.authentication.token_file import TokenFile
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.apiserver.authorization.node import NodeAuthorizer
from kubepy.apiserver.authorization.rbac import RBAC
from kubepy.apiserver.bootstrap import policy
from kubepy.apiserver.bootstrap.objects import context
from kubepy.apiserver.cacher import Entry, ResourceCache, keys
from kubepy.apiserver.customresources import CustomResources
from kubepy.apiserver.customresources.strategy import DefinitionStrategy
from kubepy.apiserver.fieldmanagement import FieldManager
from kubepy.apiserver.handlers import connect, pods, proxy, reviews, scale, token
from kubepy.apiserver.openapi import OpenAPI
from kubepy.apiserver.registry import conversion
from kubepy.apiserver.registry.events import EventStrategy
from kubepy.apiserver.registry.namespaces import NamespaceStrategy
from kubepy.apiserver.registry.pods import PodStrategy
from kubepy.apiserver.registry.services import Reservations, ServiceStrategy
from kubepy.apiserver.registry.store import Change, Store
from kubepy.apiserver.registry.strategy import Strategy
from kubepy.apiserver.served import Handler, Served, ServedResources
from kubepy.apiserver.webhooks import WebhookClient
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import make_key
from kubepy.storage import StorageError
from kubepy.util.logging import get_logger

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_CONVERSIONS = {
    r.EVENTS_V1: (conversion.event_to_v1, conversion.event_from_v1),
    r.HPAS_V1: (conversion.hpa_to_v1, conversion.hpa_from_v1),
}
_REPAIR_INTERVAL = 180.0
_log = get_logger(__name__)


@dataclass
class Parts:
    """What `build` made."""

    served: ServedResources
    authenticator: Authenticator
    authorizer: Authorizer
    service_account_tokens: ServiceAccountTokens
    openapi: OpenAPI
    rbac: RBAC
    node: NodeAuthorizer
    services: ServiceStrategy
    webhooks: WebhookClient
    custom: CustomResources

    async def start(self, server: APIServer, tasks: TaskGroup) -> None:
        """Once the watch cache is loaded: connect what listens to it, make the default objects."""
        for roles, bindings in ((r.CLUSTER_ROLES, r.CLUSTER_ROLE_BINDINGS), (r.ROLES, r.ROLE_BINDINGS)):
            self.rbac.follow(self.served.get(roles).store.cache, self.served.get(bindings).store.cache)
        followed = (r.PODS, r.PERSISTENT_VOLUME_CLAIMS, r.PERSISTENT_VOLUMES, r.VOLUME_ATTACHMENTS)
        self.node.follow(*(self.served.get(gvr).store.cache for gvr in followed))
        tasks.start_soon(self.webhooks.run)
        if server.auditor is not None:
            tasks.start_soon(server.auditor.run)
        self.custom.start(tasks)
        await bootstrap.run(server)

    async def repair_services(self, server: APIServer) -> None:
        """Keep reservations of addresses and ports true. Runs until cancelled."""
        store = self.served.get(r.SERVICES).store
        while True:
            try:
                await server.cacher.fresh()
                await self.services.repair([entry.obj for entry in store.cache.entries.values()])
            except (errors.StatusError, StorageError) as error:
                _log.warning("service addresses not repaired, will try again", error=str(error))
            await server.clock.sleep(_REPAIR_INTERVAL)


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
        resource = r.BY_GVR.get(gvr)
        if resource is None:
            return served.get(gvr).store.cache  # a custom resource
        return server.cacher.resource(keys.prefix(r.BY_GVR[resource.storage_gvr]))

    def lookup(gvr: GVR, namespace: str, name: str) -> Entry | None:
        return cache(gvr).get(make_key(namespace, name))

    async def update_quota(namespace: str, name: str, change: Change) -> str:
        store = served.get(r.RESOURCE_QUOTAS).store
        asked = context("update", namespace)
        written = await store.update(asked, namespace, name, change, internal=True)
        version: str = written.obj["metadata"]["resourceVersion"]
        return version

    webhooks = WebhookClient(server.services)
    admission = plugins.build(server, served, cache, webhooks, update_quota)
    reservations = Reservations(server.backend, server.cacher, clock)
    services = ServiceStrategy(reservations, config.service_cluster_ip_range, config.node_ports)
    strategies: dict[GVR, Strategy] = {
        r.NAMESPACES: NamespaceStrategy(),
        r.PODS: PodStrategy(),
        r.SERVICES: services,
        r.EVENTS: EventStrategy(r.EVENTS, config.event_ttl),
        r.CRDS: DefinitionStrategy(clock),
    }
    for resource in r.RESOURCES:
        # Kinds with two names share the store of the one they rest under.
        stored = SCHEME.kind(resource.storage_gvr)
        strategy = strategies.setdefault(resource.storage_gvr, Strategy(resource.storage_gvr))
        tracker = FieldManager(stored, clock)
        store = Store(stored, strategy, server.backend, server.cacher, admission, clock, tracker)
        convert, revert = _CONVERSIONS.get(resource.gvr, (None, None))
        kind = SCHEME.kind(resource.gvr)
        served.add(Served(kind, store, clock, convert, revert))
    for (group, plural, subresource), handler in _handlers(server).items():
        for each in served:
            if (each.resource.gvk.group, each.resource.plural) == (group, plural):
                each.handlers[subresource] = handler
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
    authenticators: list[TokenAuthenticator] = [tokens, BootstrapTokens(lookup, clock)]
    if config.token_auth_file is not None:
        authenticators.insert(0, _FileTokens(TokenFile(config.token_auth_file)))
    if config.oidc_issuer_url:
        authenticators.append(OIDCTokens(config, clock))
    rbac, node = RBAC(), NodeAuthorizer(policy.NODE_RULES)
    custom = CustomResources(server, admission, webhooks)
    return Parts(
        served=served,
        authenticator=Authenticator(authenticators, anonymous=config.anonymous_auth),
        authorizer=Authorizer(rbac, node),
        service_account_tokens=tokens,
        openapi=OpenAPI(
            lambda: [s.resource for s in served], custom.definitions, lambda: server.aggregator.schemas()
        ),
        rbac=rbac,
        node=node,
        services=services,
        webhooks=webhooks,
        custom=custom,
    )


def _handlers(server: APIServer) -> dict[tuple[str, str, str], Handler]:
    """Subresources and resources with a handler of their own."""
    made = reviews.handlers(server)
    for gvr in (r.DEPLOYMENTS, r.REPLICA_SETS, r.STATEFUL_SETS, r.REPLICATION_CONTROLLERS):
        made[gvr.group, gvr.resource, "scale"] = scale.handler()
    made["", "pods", "binding"] = made["", "bindings", ""] = pods.binding(server)
    made["", "pods", "eviction"] = pods.eviction(server)
    made["", "serviceaccounts", "token"] = token.handler(server)
    made["", "pods", "log"] = connect.log(server)
    for kind in ("exec", "attach", "portforward"):
        made["", "pods", kind] = connect.stream(server, kind)
    for kind in ("nodes", "pods", "services"):
        made["", kind, "proxy"] = proxy.handler(server, kind)
    return made
