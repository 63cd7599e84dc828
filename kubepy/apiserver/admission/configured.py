"""The plugins for policies and webhooks, put together. Not loaded before there is one: see `extensions`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kubepy.api import resources as r
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.admission.equivalents import Equivalents
from kubepy.apiserver.admission.expressions import Environment
from kubepy.apiserver.admission.matching import Index, T
from kubepy.apiserver.admission.policy.compiled import compile_policy
from kubepy.apiserver.admission.policy.dispatch import Dispatcher
from kubepy.apiserver.admission.policy.mutating import MutatingPolicies
from kubepy.apiserver.admission.policy.validating import ValidatingPolicies
from kubepy.apiserver.admission.webhook.calling import Caller
from kubepy.apiserver.admission.webhook.configuration import compile_hooks
from kubepy.apiserver.admission.webhook.mutating import MutatingWebhooks
from kubepy.apiserver.admission.webhook.validating import ValidatingWebhooks
from kubepy.apiserver.cacher import ResourceCache
from kubepy.apiserver.webhooks import WebhookClient
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer


class Configured:
    """Makes each plugin from what they all need."""

    def __init__(
        self,
        server: APIServer,
        equivalents: Equivalents,
        cache: Callable[[GVR], ResourceCache],
        webhooks: WebhookClient,
    ) -> None:
        self._equivalents = equivalents
        self._cache = cache
        self._environment = Environment(lambda: server.authorizer, equivalents.convert)
        self._caller = Caller(webhooks, cache(r.NAMESPACES), self._environment)

    def mutating_policies(self) -> Plugin:
        """MutatingAdmissionPolicy."""
        return MutatingPolicies(
            self._policies(r.MUTATING_ADMISSION_POLICIES, r.MUTATING_ADMISSION_POLICY_BINDINGS)
        )

    def validating_policies(self) -> Plugin:
        """ValidatingAdmissionPolicy."""
        return ValidatingPolicies(
            self._policies(r.VALIDATING_ADMISSION_POLICIES, r.VALIDATING_ADMISSION_POLICY_BINDINGS)
        )

    def mutating_webhooks(self) -> Plugin:
        """MutatingAdmissionWebhook."""
        return MutatingWebhooks(self._index(r.MUTATING_WEBHOOK_CONFIGURATIONS, compile_hooks), self._caller)

    def validating_webhooks(self) -> Plugin:
        """ValidatingAdmissionWebhook."""
        index = self._index(r.VALIDATING_WEBHOOK_CONFIGURATIONS, compile_hooks)
        return ValidatingWebhooks(index, self._caller)

    def _policies(self, policies: GVR, bindings: GVR) -> Dispatcher:
        return Dispatcher(
            self._index(policies, compile_policy),
            self._cache(bindings),
            self._cache(r.NAMESPACES),
            self._environment,
            self._equivalents.names,
            self._equivalents.of_kind,
        )

    def _index(self, gvr: GVR, compile_: Callable[[Obj], Iterable[T]]) -> Index[T]:
        index = Index(self._cache(gvr), compile_, self._equivalents.names)
        self._equivalents.on_change(index.forget)
        return index
