"""Rules of CustomResourceDefinitions and APIServices."""

from __future__ import annotations

from kubepy.api.validation.rules import Rules, all_messages, immutable_field, one_of, spec_of
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj


def _definition(crd: Obj) -> list[Cause]:
    spec = spec_of(crd)
    name = (crd.get("metadata") or {}).get("name") or ""
    naming = spec.get("names") or {}
    group, plural = spec.get("group") or "", naming.get("plural") or ""
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
    causes += one_of("spec.scope", spec.get("scope"), ("Cluster", "Namespaced"))
    for field in ("plural", "singular", "kind", "listKind"):
        value = naming.get(field) or ""
        at = f"spec.names.{field}"
        if not value:
            causes.append(required(at))
        else:
            causes += all_messages(at, value, names.dns_1035_label(value.lower()))
    if naming.get("kind") and naming.get("kind") == naming.get("listKind"):
        detail = "kind and listKind may not be the same"
        causes.append(invalid_value("spec.names.listKind", naming["listKind"], detail))
    return causes + _versions(spec.get("versions") or [])


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
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            causes.append(required(f"{at}.schema.openAPIV3Schema", "schemas are required"))
        elif schema.get("type") != "object":
            where = f"{at}.schema.openAPIV3Schema.type"
            detail = 'must be "object" at the root'
            if schema.get("type"):
                causes.append(invalid_value(where, schema["type"], detail))
            else:
                causes.append(required(where, "must not be empty at the root"))
    storing = sum(bool(version.get("storage")) for version in versions)
    if versions and storing != 1:
        detail = "must have exactly one version marked as storage version"
        causes.append(invalid_value("spec.versions", versions, detail))
    return causes


def _definition_update(crd: Obj, old: Obj) -> list[Cause]:
    causes = _definition(crd)
    spec, before = spec_of(crd), spec_of(old)
    causes += immutable_field("spec.group", spec.get("group"), before.get("group"))
    for field in ("plural", "kind"):
        new, previous = (spec.get("names") or {}).get(field), (before.get("names") or {}).get(field)
        causes += immutable_field(f"spec.names.{field}", new, previous)
    causes += immutable_field("spec.scope", spec.get("scope"), before.get("scope"))
    served = {version.get("name") for version in spec.get("versions") or ()}
    for index, stored in enumerate((crd.get("status") or {}).get("storedVersions") or ()):
        if stored not in served:
            at = f"status.storedVersions[{index}]"
            detail = "missing from spec.versions; must be removed only after all objects are migrated"
            causes.append(invalid_value(at, stored, detail))
    return causes


def _api_service(service: Obj) -> list[Cause]:
    spec = spec_of(service)
    name = (service.get("metadata") or {}).get("name") or ""
    group, version = spec.get("group") or "", spec.get("version") or ""
    causes: list[Cause] = []
    if name != f"{version}.{group}":
        detail = 'must be `spec.version+"."+spec.group`'
        causes.append(invalid_value("metadata.name", name, detail))
    if not version:
        causes.append(required("spec.version"))
    for field, highest in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        value = spec.get(field) or 0
        if not 0 < value <= highest:
            detail = f"must be positive and less than {highest}"
            causes.append(invalid_value(f"spec.{field}", value, detail))
    reference = spec.get("service")
    if reference is None:
        if spec.get("caBundle"):
            detail = "local APIServices may not have a caBundle"
            causes.append(forbidden_field("spec.caBundle", detail))
    else:
        causes += [
            required(f"spec.service.{field}") for field in ("name", "namespace") if not reference.get(field)
        ]
    return causes


RULES: dict[GK, Rules] = {
    GK("apiextensions.k8s.io", "CustomResourceDefinition"): Rules(
        create=_definition, update=_definition_update
    ),
    GK("apiregistration.k8s.io", "APIService"): Rules(name=names.path_segment, create=_api_service),
}
