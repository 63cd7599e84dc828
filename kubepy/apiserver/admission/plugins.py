"""The admission chain in Kubernetes' order."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api import resources as r
from kubepy.apiserver.admission.chain import AdmissionChain
from kubepy.apiserver.admission.default_classes import (
    DefaultIngressClass,
    DefaultStorageClass,
    StorageObjectInUseProtection,
)
from kubepy.apiserver.admission.limit_ranger import LimitRanger
from kubepy.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kubepy.apiserver.admission.node_defaults import DefaultTolerationSeconds, TaintNodesByCondition
from kubepy.apiserver.admission.node_restriction import NodeRestriction
from kubepy.apiserver.admission.priority import Priority
from kubepy.apiserver.admission.resource_quota import ResourceQuota, UpdateQuota
from kubepy.apiserver.admission.runtime_class import RuntimeClass
from kubepy.apiserver.admission.service_account import ServiceAccount
from kubepy.apiserver.cacher import ResourceCache
from kubepy.machinery.gvk import GVR
from kubepy.util.clock import Clock


def build(cache: Callable[[GVR], ResourceCache], clock: Clock, update_quota: UpdateQuota) -> AdmissionChain:
    """All plugins that are always on."""
    return AdmissionChain(
        [
            NamespaceLifecycle(cache(r.NAMESPACES)),
            LimitRanger(cache(r.LIMIT_RANGES)),
            ServiceAccount(cache(r.SERVICE_ACCOUNTS), clock),
            NodeRestriction(cache(r.PODS)),
            TaintNodesByCondition(),
            Priority(cache(r.PRIORITY_CLASSES)),
            DefaultTolerationSeconds(),
            DefaultStorageClass(cache(r.STORAGE_CLASSES)),
            StorageObjectInUseProtection(),
            RuntimeClass(cache(r.RUNTIME_CLASSES)),
            DefaultIngressClass(cache(r.INGRESS_CLASSES)),
            ResourceQuota(
                cache(r.RESOURCE_QUOTAS), lambda resource: cache(resource.gvr), update_quota, clock
            ),
        ]
    )
