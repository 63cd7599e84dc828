"""The admission chain in Kubernetes' order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kubepy.api import resources as r
from kubepy.apiserver.admission.certificates import (
    CertificateApproval,
    CertificateRequester,
    CertificateSigning,
    CertificateSubjectRestriction,
)
from kubepy.apiserver.admission.chain import AdmissionChain, Plugin
from kubepy.apiserver.admission.default_classes import (
    DefaultIngressClass,
    DefaultStorageClass,
    StorageObjectInUseProtection,
)
from kubepy.apiserver.admission.equivalents import Equivalents
from kubepy.apiserver.admission.extensions import extensions
from kubepy.apiserver.admission.limit_ranger import LimitRanger
from kubepy.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kubepy.apiserver.admission.node_defaults import DefaultTolerationSeconds, TaintNodesByCondition
from kubepy.apiserver.admission.node_restriction import NodeRestriction
from kubepy.apiserver.admission.optional import AlwaysPullImages, DenyServiceExternalIPs
from kubepy.apiserver.admission.owner_references import OwnerReferencesPermissionEnforcement
from kubepy.apiserver.admission.pod_security.plugin import PodSecurity
from kubepy.apiserver.admission.pod_topology_labels import PodTopologyLabels
from kubepy.apiserver.admission.priority import Priority
from kubepy.apiserver.admission.resource_quota import ResourceQuota, UpdateQuota
from kubepy.apiserver.admission.runtime_class import RuntimeClass
from kubepy.apiserver.admission.service_account import ServiceAccount
from kubepy.apiserver.admission.volume_resize import PersistentVolumeClaimResize
from kubepy.apiserver.authorization.authorizer import Authorizer
from kubepy.apiserver.cacher import ResourceCache
from kubepy.apiserver.webhooks import WebhookClient
from kubepy.machinery.gvk import GVK, GVR

if TYPE_CHECKING:
    from kubepy.apiserver.served import ServedResources
    from kubepy.apiserver.server import APIServer

OFF_BY_DEFAULT = frozenset(
    {"AlwaysPullImages", "DenyServiceExternalIPs", "OwnerReferencesPermissionEnforcement"}
)
_DEFAULT = frozenset(
    {
        "CertificateApproval",
        "CertificateRequester",
        "CertificateSigning",
        "CertificateSubjectRestriction",
        "DefaultIngressClass",
        "DefaultStorageClass",
        "DefaultTolerationSeconds",
        "LimitRanger",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionWebhook",
        "NamespaceLifecycle",
        "NodeRestriction",
        "PersistentVolumeClaimResize",
        "PodSecurity",
        "PodTopologyLabels",
        "Priority",
        "RBACEscalation",
        "ResourceQuota",
        "RuntimeClass",
        "ServiceAccount",
        "StorageObjectInUseProtection",
        "TaintNodesByCondition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionWebhook",
    }
)


def build(
    server: APIServer,
    served: ServedResources,
    cache: Callable[[GVR], ResourceCache],
    webhooks: WebhookClient,
    update_quota: UpdateQuota,
) -> AdmissionChain:
    """All plugins that are on."""
    config = server.config
    enabled = (_DEFAULT | set(config.enable_admission_plugins)) - set(config.disable_admission_plugins)
    equivalents = Equivalents(served)
    chosen = [make() for name, make in _builtin(server, cache, equivalents).items() if name in enabled]
    configured = extensions(server, equivalents, cache, webhooks)
    plugins = [*chosen, *(plugin for name, plugin in configured if name in enabled)]
    if "ResourceQuota" in enabled:
        plugins.append(
            ResourceQuota(
                cache(r.RESOURCE_QUOTAS), lambda resource: cache(resource.gvr), update_quota, server.clock
            )
        )
    return AdmissionChain(plugins)


def _builtin(
    server: APIServer, cache: Callable[[GVR], ResourceCache], equivalents: Equivalents
) -> dict[str, Callable[[], Plugin]]:
    def authorizer() -> Authorizer:
        return server.authorizer

    def plural(gvk: GVK) -> tuple[str, bool] | None:
        served = equivalents.of_kind(gvk)
        return None if served is None else (served.resource.plural, served.resource.namespaced)

    return {
        "NamespaceLifecycle": lambda: NamespaceLifecycle(cache(r.NAMESPACES), server.cacher.fresh),
        "LimitRanger": lambda: LimitRanger(cache(r.LIMIT_RANGES)),
        "ServiceAccount": lambda: ServiceAccount(cache(r.SERVICE_ACCOUNTS), server.clock),
        "NodeRestriction": lambda: NodeRestriction(cache(r.PODS)),
        "TaintNodesByCondition": TaintNodesByCondition,
        "AlwaysPullImages": AlwaysPullImages,
        "PodSecurity": lambda: PodSecurity(cache(r.NAMESPACES), cache(r.PODS)),
        "Priority": lambda: Priority(cache(r.PRIORITY_CLASSES)),
        "DefaultTolerationSeconds": DefaultTolerationSeconds,
        "DefaultStorageClass": lambda: DefaultStorageClass(cache(r.STORAGE_CLASSES)),
        "StorageObjectInUseProtection": StorageObjectInUseProtection,
        "OwnerReferencesPermissionEnforcement": lambda: OwnerReferencesPermissionEnforcement(
            authorizer, plural
        ),
        "PersistentVolumeClaimResize": lambda: PersistentVolumeClaimResize(cache(r.STORAGE_CLASSES)),
        "RuntimeClass": lambda: RuntimeClass(cache(r.RUNTIME_CLASSES)),
        "CertificateRequester": lambda: CertificateRequester(server.clock),
        "CertificateApproval": lambda: CertificateApproval(authorizer),
        "CertificateSigning": lambda: CertificateSigning(authorizer),
        "CertificateSubjectRestriction": CertificateSubjectRestriction,
        "DefaultIngressClass": lambda: DefaultIngressClass(cache(r.INGRESS_CLASSES)),
        "PodTopologyLabels": lambda: PodTopologyLabels(cache(r.NODES)),
        "DenyServiceExternalIPs": DenyServiceExternalIPs,
    }
