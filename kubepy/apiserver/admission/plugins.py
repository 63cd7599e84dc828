"""The admission chain in Kubernetes' order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kubepy.api import resources as r
from kubepy.apiserver.admission.chain import AdmissionChain, Plugin
from kubepy.apiserver.admission.default_classes import (
    DefaultIngressClass,
    DefaultStorageClass,
    StorageObjectInUseProtection,
)
from kubepy.apiserver.admission.equivalents import Equivalents
from kubepy.apiserver.admission.expressions import Environment
from kubepy.apiserver.admission.limit_ranger import LimitRanger
from kubepy.apiserver.admission.matching import Index
from kubepy.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kubepy.apiserver.admission.node_defaults import DefaultTolerationSeconds, TaintNodesByCondition
from kubepy.apiserver.admission.node_restriction import NodeRestriction
from kubepy.apiserver.admission.pod_security.plugin import PodSecurity
from kubepy.apiserver.admission.policy.compiled import compile_policy
from kubepy.apiserver.admission.policy.dispatch import Dispatcher
from kubepy.apiserver.admission.policy.mutating import MutatingPolicies
from kubepy.apiserver.admission.policy.validating import ValidatingPolicies
from kubepy.apiserver.admission.priority import Priority
from kubepy.apiserver.admission.rbac_escalation import RBACEscalation
from kubepy.apiserver.admission.resource_quota import ResourceQuota, UpdateQuota
from kubepy.apiserver.admission.runtime_class import RuntimeClass
from kubepy.apiserver.admission.service_account import ServiceAccount
from kubepy.apiserver.admission.webhook.calling import Caller
from kubepy.apiserver.admission.webhook.configuration import Hook, compile_hooks
from kubepy.apiserver.admission.webhook.mutating import MutatingWebhooks
from kubepy.apiserver.admission.webhook.validating import ValidatingWebhooks
from kubepy.apiserver.cacher import ResourceCache
from kubepy.apiserver.webhooks import WebhookClient
from kubepy.machinery.gvk import GVR

if TYPE_CHECKING:
    from kubepy.apiserver.served import ServedResources
    from kubepy.apiserver.server import APIServer


def build(
    server: APIServer,
    served: ServedResources,
    cache: Callable[[GVR], ResourceCache],
    webhooks: WebhookClient,
    update_quota: UpdateQuota,
) -> AdmissionChain:
    """All plugins that are on."""
    quota = ResourceQuota(
        cache(r.RESOURCE_QUOTAS), lambda resource: cache(resource.gvr), update_quota, server.clock
    )
    return AdmissionChain(
        [
            *_builtin(server, cache),
            *_extensions(server, served, cache, webhooks),
            quota,
        ]
    )


def _builtin(server: APIServer, cache: Callable[[GVR], ResourceCache]) -> list[Plugin]:
    return [
        NamespaceLifecycle(cache(r.NAMESPACES)),
        LimitRanger(cache(r.LIMIT_RANGES)),
        ServiceAccount(cache(r.SERVICE_ACCOUNTS), server.clock),
        NodeRestriction(cache(r.PODS)),
        TaintNodesByCondition(),
        PodSecurity(cache(r.NAMESPACES), cache(r.PODS)),
        Priority(cache(r.PRIORITY_CLASSES)),
        DefaultTolerationSeconds(),
        DefaultStorageClass(cache(r.STORAGE_CLASSES)),
        StorageObjectInUseProtection(),
        RuntimeClass(cache(r.RUNTIME_CLASSES)),
        DefaultIngressClass(cache(r.INGRESS_CLASSES)),
    ]


def _extensions(
    server: APIServer,
    served: ServedResources,
    cache: Callable[[GVR], ResourceCache],
    webhooks: WebhookClient,
) -> list[Plugin]:
    """What users configure: policies and webhooks."""
    equivalents = Equivalents(served)
    environment = Environment(lambda: server.authorizer, equivalents.convert)
    caller = Caller(webhooks, cache(r.NAMESPACES), environment)

    def hooks(gvr: GVR) -> Index[Hook]:
        index = Index(cache(gvr), compile_hooks, equivalents.names)
        equivalents.on_change(index.forget)
        return index

    def policies(gvr: GVR, bindings: GVR) -> Dispatcher:
        index = Index(cache(gvr), compile_policy, equivalents.names)
        equivalents.on_change(index.forget)
        namespaces = cache(r.NAMESPACES)
        return Dispatcher(
            index, cache(bindings), namespaces, environment, equivalents.names, equivalents.of_kind
        )

    return [
        MutatingPolicies(policies(r.MUTATING_ADMISSION_POLICIES, r.MUTATING_ADMISSION_POLICY_BINDINGS)),
        MutatingWebhooks(hooks(r.MUTATING_WEBHOOK_CONFIGURATIONS), caller),
        RBACEscalation(lambda: server.authorizer),
        ValidatingPolicies(policies(r.VALIDATING_ADMISSION_POLICIES, r.VALIDATING_ADMISSION_POLICY_BINDINGS)),
        ValidatingWebhooks(hooks(r.VALIDATING_WEBHOOK_CONFIGURATIONS), caller),
    ]
