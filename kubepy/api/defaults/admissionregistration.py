"""Defaults of the group admissionregistration.k8s.io."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

_GROUP = "admissionregistration.k8s.io"


def default_service_port(client_config: Obj | None) -> None:
    """Default the port of a webhook's service reference."""
    service = (client_config or {}).get("service")
    if service is not None:
        service.setdefault("port", 443)


def _webhooks(configuration: Obj) -> None:
    for webhook in configuration.get("webhooks") or ():
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", 10)
        for rule in webhook.get("rules") or ():
            rule.setdefault("scope", "*")
        default_service_port(webhook.get("clientConfig"))


def _mutating_webhooks(configuration: Obj) -> None:
    _webhooks(configuration)
    for webhook in configuration.get("webhooks") or ():
        webhook.setdefault("reinvocationPolicy", "Never")


def _match_resources(resources: Obj | None) -> None:
    if resources is None:
        return
    resources.setdefault("matchPolicy", "Equivalent")
    resources.setdefault("namespaceSelector", {})
    resources.setdefault("objectSelector", {})
    for field in ("resourceRules", "excludeResourceRules"):
        for rule in resources.get(field) or ():
            rule.setdefault("scope", "*")


def _policy(policy: Obj) -> None:
    spec = policy.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    _match_resources(spec.get("matchConstraints"))


def _policy_binding(binding: Obj) -> None:
    _match_resources(binding.setdefault("spec", {}).get("matchResources"))


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK(_GROUP, "v1", "MutatingWebhookConfiguration"): _mutating_webhooks,
    GVK(_GROUP, "v1", "ValidatingWebhookConfiguration"): _webhooks,
    GVK(_GROUP, "v1", "ValidatingAdmissionPolicy"): _policy,
    GVK(_GROUP, "v1", "MutatingAdmissionPolicy"): _policy,
    GVK(_GROUP, "v1", "ValidatingAdmissionPolicyBinding"): _policy_binding,
    GVK(_GROUP, "v1", "MutatingAdmissionPolicyBinding"): _policy_binding,
}
