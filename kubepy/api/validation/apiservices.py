"""Rules of APIServices."""

from __future__ import annotations

import base64

from kubepy.api.validation.formats import dns_subdomain
from kubepy.api.validation.rules import Rules, all_messages, spec_of
from kubepy.machinery import names
from kubepy.machinery.field_errors import Cause, invalid_value, not_supported, required
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_STATUSES = ("True", "False", "Unknown")


def _api_service(service: Obj) -> list[Cause]:
    spec = spec_of(service)
    name = service["metadata"].get("name") or ""
    group, version = spec.get("group") or "", spec.get("version") or ""
    causes: list[Cause] = []
    wanted = f"{version}.{group}"
    if name != wanted and not names.path_segment(name):
        detail = f'must be `spec.version+"."+spec.group`: "{wanted}"'
        causes.append(invalid_value("metadata.name", name, detail))
    if group:
        causes += dns_subdomain(group, "spec.group")
    elif version != "v1":
        detail = "only v1 may have an empty group and it better be legacy kube"
        causes.append(required("spec.group", detail))
    causes += all_messages("spec.version", version, names.dns_1035_label(version))
    for field, highest in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        value = spec.get(field) or 0
        if not 0 < value <= highest:
            detail = f"must be positive and less than {highest}"
            causes.append(invalid_value(f"spec.{field}", value, detail))
    return causes + _backend(spec)


def _backend(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    backend, bundle = spec.get("service"), spec.get("caBundle")
    insecure = "spec.insecureSkipTLSVerify"
    if backend is None:
        if bundle:
            shown = f"{len(base64.b64decode(bundle))} bytes"
            detail = "local APIServices may not have a caBundle"
            causes.append(invalid_value("spec.caBundle", shown, detail))
        if spec.get("insecureSkipTLSVerify"):
            detail = "local APIServices may not have insecureSkipTLSVerify"
            causes.append(invalid_value(insecure, True, detail))
        return causes
    causes += [required(f"spec.service.{field}") for field in ("namespace", "name") if not backend.get(field)]
    port = backend.get("port")
    if port is not None and not 1 <= port <= 65535:
        detail = "port is not valid: must be between 1 and 65535, inclusive"
        causes.append(invalid_value("spec.service.port", port, detail))
    if spec.get("insecureSkipTLSVerify") and bundle:
        causes.append(invalid_value(insecure, True, "may not be true if caBundle is present"))
    return causes


def _status(service: Obj, old: Obj) -> list[Cause]:
    return [
        not_supported(f"status.conditions[{index}].status", condition.get("status") or "", _STATUSES)
        for index, condition in enumerate((service.get("status") or {}).get("conditions") or ())
        if condition.get("status") not in _STATUSES
    ]


RULES: dict[GK, Rules] = {
    GK("apiregistration.k8s.io", "APIService"): Rules(
        name=names.path_segment, create=_api_service, subresources={"status": _status}
    ),
}
