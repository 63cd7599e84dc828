"""Rules of CustomResourceDefinitions."""

from __future__ import annotations

from kubepy.api.validation.custom_versions import validate_version
from kubepy.api.validation.rules import Rules, all_messages, immutable_field, one_of, spec_of
from kubepy.machinery import conditions, meta, names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_APPROVED = "api-approved.kubernetes.io"


def _definition(crd: Obj) -> list[Cause]:
    spec = spec_of(crd)
    name = (crd.get("metadata") or {}).get("name") or ""
    group, plural = spec.get("group") or "", (spec.get("names") or {}).get("plural") or ""
    causes: list[Cause] = []
    if name != f"{plural}.{group}":
        detail = 'must be spec.names.plural+"."+spec.group'
        causes.append(invalid_value("metadata.name", name, detail))
    if not group:
        causes.append(required("spec.group"))
    elif messages := names.dns_subdomain(group):
        causes += all_messages("spec.group", group, messages)
    elif "." not in group:
        causes.append(invalid_value("spec.group", group, "should be a domain with at least one dot"))
    causes += _approval(crd, group)
    causes += one_of("spec.scope", spec.get("scope"), ("Cluster", "Namespaced"))
    causes += _names(spec.get("names") or {})
    if spec.get("preserveUnknownFields"):
        detail = (
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema"
            " instead"
        )
        causes.append(invalid_value("spec.preserveUnknownFields", True, detail))
    return causes + _versions(spec.get("versions") or []) + _conversion(spec.get("conversion") or {})


def _approval(crd: Obj, group: str) -> list[Cause]:
    if not group.endswith((".k8s.io", ".kubernetes.io")) and group not in ("k8s.io", "kubernetes.io"):
        return []
    if meta.annotations(crd).get(_APPROVED):
        return []
    detail = (
        f'protected groups must have approval annotation "{_APPROVED}", see'
        " https://github.com/kubernetes/enhancements/pull/1111"
    )
    return [required(f"metadata.annotations[{_APPROVED}]", detail)]


def _names(naming: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for field in ("plural", "singular", "kind", "listKind"):
        value = naming.get(field) or ""
        at = f"spec.names.{field}"
        if not value:
            causes.append(required(at))
        else:
            causes += all_messages(at, value, names.dns_1035_label(value.lower()))
    for field in ("shortNames", "categories"):
        for index, value in enumerate(naming.get(field) or ()):
            causes += all_messages(f"spec.names.{field}[{index}]", value, names.dns_1035_label(value))
    if naming.get("kind") and naming.get("kind") == naming.get("listKind"):
        detail = "kind and listKind may not be the same"
        causes.append(invalid_value("spec.names.listKind", naming["listKind"], detail))
    return causes


def _versions(versions: list[Obj]) -> list[Cause]:
    causes: list[Cause] = []
    if not versions:
        causes.append(required("spec.versions", "must have at least one version"))
    seen: set[str] = set()
    for index, version in enumerate(versions):
        at = f"spec.versions[{index}]"
        name = version.get("name") or ""
        causes += all_messages(f"{at}.name", name, names.dns_1035_label(name))
        if name in seen:
            causes.append(duplicate(f"{at}.name", name))
        seen.add(name)
        causes += validate_version(version, at)
    storing = sum(bool(version.get("storage")) for version in versions)
    if versions and storing != 1:
        detail = "must have exactly one version marked as storage version"
        causes.append(invalid_value("spec.versions", versions, detail))
    return causes


def _conversion(conversion: Obj) -> list[Cause]:
    strategy, webhook = conversion.get("strategy") or "None", conversion.get("webhook")
    if strategy not in ("None", "Webhook"):
        return [not_supported("spec.conversion.strategy", strategy, ["None", "Webhook"])]
    if strategy == "None":
        if webhook is None:
            return []
        detail = "should not be set when strategy is not set to Webhook"
        return [forbidden_field("spec.conversion.webhook", detail)]
    if webhook is None:
        return [required("spec.conversion.webhook", "required when strategy is set to Webhook")]
    causes: list[Cause] = []
    config = webhook.get("clientConfig") or {}
    at = "spec.conversion.webhook"
    if bool(config.get("url")) == (config.get("service") is not None):
        causes.append(required(f"{at}.clientConfig", "exactly one of url or service is required"))
    elif config.get("url") and not config["url"].startswith("https://"):
        detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]"
        causes.append(invalid_value(f"{at}.clientConfig.url", config["url"].partition(":")[0], detail))
    reviews = webhook.get("conversionReviewVersions") or []
    if not reviews:
        causes.append(required(f"{at}.conversionReviewVersions"))
    elif not {"v1", "v1beta1"} & set(reviews):
        detail = "must include at least one of v1, v1beta1"
        causes.append(invalid_value(f"{at}.conversionReviewVersions", reviews, detail))
    return causes


def _definition_update(crd: Obj, old: Obj) -> list[Cause]:
    causes = _definition(crd)
    spec, before = spec_of(crd), spec_of(old)
    naming, former = spec.get("names") or {}, before.get("names") or {}
    causes += immutable_field("spec.group", spec.get("group"), before.get("group"))
    causes += immutable_field("spec.names.plural", naming.get("plural"), former.get("plural"))
    if conditions.is_true(old, "Established"):
        causes += immutable_field("spec.scope", spec.get("scope"), before.get("scope"))
        causes += immutable_field("spec.names.kind", naming.get("kind"), former.get("kind"))
    served = {version.get("name") for version in spec.get("versions") or ()}
    for index, stored in enumerate((crd.get("status") or {}).get("storedVersions") or ()):
        if stored not in served:
            at = f"status.storedVersions[{index}]"
            detail = "missing from spec.versions; must be removed only after all objects are migrated"
            causes.append(invalid_value(at, stored, detail))
    return causes


RULES: dict[GK, Rules] = {
    GK("apiextensions.k8s.io", "CustomResourceDefinition"): Rules(
        create=_definition, update=_definition_update
    ),
}
