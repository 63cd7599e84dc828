"""Rules of CertificateSigningRequests."""

from __future__ import annotations

from typing import Any

from kubepy.api.validation.rules import Rules, spec_of
from kubepy.machinery import certificates, names
from kubepy.machinery.field_errors import Cause, duplicate, invalid_value, not_supported, required
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_LEAST_SECONDS = 600
_DECISIONS = ("Approved", "Denied", "Failed")


def _create(csr: Obj) -> list[Cause]:
    spec, causes = spec_of(csr), []
    try:
        certificates.parse_request(spec.get("request") or "")
    except ValueError as error:
        causes.append(invalid_value("spec.request", spec.get("request"), str(error)))
    usages = spec.get("usages") or []
    if not usages:
        causes.append(required("spec.usages"))
    for index, usage in enumerate(usages):
        path = f"spec.usages[{index}]"
        if usage not in USAGES:
            causes.append(not_supported(path, usage, USAGES))
        if usage in usages[:index]:
            causes.append(duplicate(path, usage))
    signer = spec.get("signerName") or ""
    if signer == "kubernetes.io/legacy-unknown":
        detail = "the legacy signerName is not allowed via this API version"
        causes.append(invalid_value("spec.signerName", signer, detail))
    else:
        causes += _signer(signer)
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _LEAST_SECONDS:
        detail = "may not specify a duration less than 600 seconds (10 minutes)"
        causes.append(invalid_value("spec.expirationSeconds", seconds, detail))
    return causes + _conditions((csr.get("status") or {}).get("conditions") or [])


def _signer(name: str) -> list[Cause]:
    if not name:
        return [required("spec.signerName")]
    domain, slash, path = name.partition("/")
    if not slash or not path or "/" in path:
        detail = 'must be a fully qualified domain and path of the form "example.com/signer-name"'
        return [invalid_value("spec.signerName", name, detail)]
    problems = names.dns_subdomain(domain) + names.dns_subdomain(path)
    if not problems and "." not in domain:
        problems = ["should be a domain with at least two segments separated by dots"]
    return [invalid_value("spec.signerName", name, problem) for problem in problems]


def _conditions(conditions: list[Obj]) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[Any] = set()
    for index, condition in enumerate(conditions):
        path, kind = f"status.conditions[{index}]", condition.get("type")
        status = condition.get("status")
        if not kind:
            causes.append(required(f"{path}.type"))
        if not status:
            causes.append(required(f"{path}.status"))
        elif kind in _DECISIONS and status != "True":
            causes.append(not_supported(f"{path}.status", status, ("True",)))
        elif status not in ("True", "False", "Unknown"):
            causes.append(not_supported(f"{path}.status", status, ("False", "True", "Unknown")))
        if kind in seen:
            causes.append(duplicate(f"{path}.type", kind))
        other = {"Approved": "Denied", "Denied": "Approved"}.get(kind or "")
        if other in seen:
            detail = "Approved and Denied conditions are mutually exclusive"
            causes.append(invalid_value(f"{path}.type", kind, detail))
        seen.add(kind)
    return causes


def _by_type(csr: Obj, kind: str) -> list[Obj]:
    conditions = (csr.get("status") or {}).get("conditions") or ()
    fields = ("type", "status", "reason", "message")
    return [{f: c.get(f) for f in fields} for c in conditions if c.get("type") == kind]


def _kept(csr: Obj, old: Obj, *kinds: str) -> list[Cause]:
    """Conditions that this road may add but, once there, nobody takes away or changes."""
    causes: list[Cause] = []
    for kind in kinds:
        before, after = _by_type(old, kind), _by_type(csr, kind)
        if before and before != after:
            cause = "may not be removed" if not after else "may not be modified"
            detail = f"existing {kind} condition {cause}"
            causes.append(Cause("FieldValueForbidden", f"Forbidden: {detail}", "status.conditions"))
    return causes


def _certificate(csr: Obj, old: Obj) -> list[Cause]:
    before = (old.get("status") or {}).get("certificate")
    after = (csr.get("status") or {}).get("certificate")
    if before and before != after:
        return [Cause("FieldValueForbidden", "Forbidden: field is immutable once set", "status.certificate")]
    return []


def _approval(csr: Obj, old: Obj) -> list[Cause]:
    found = _conditions((csr.get("status") or {}).get("conditions") or [])
    return found + _kept(csr, old, "Approved", "Denied", "Failed")


def _status(csr: Obj, old: Obj) -> list[Cause]:
    found = _conditions((csr.get("status") or {}).get("conditions") or [])
    return found + _kept(csr, old, "Failed") + _certificate(csr, old)


RULES: dict[GK, Rules] = {
    GK("certificates.k8s.io", "CertificateSigningRequest"): Rules(
        create=_create,
        update=lambda csr, old: [],
        subresources={"approval": _approval, "status": _status},
    )
}
