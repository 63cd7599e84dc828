"""Preparation of CertificateSigningRequests: who may write which part of their status."""

from __future__ import annotations

from kubepy.api.strategies.hook import Hook
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_DECISIONS = ("Approved", "Denied")


def _update(csr: Obj, old: Obj) -> None:
    csr["spec"] = old["spec"]


def _status(csr: Obj, old: Obj) -> None:
    """The status road may add a certificate and Failed, but keeps the decisions."""
    csr["spec"] = old["spec"]
    status = csr.setdefault("status", {})
    written = [c for c in status.get("conditions") or () if c.get("type") not in _DECISIONS]
    decided = [c for c in (old.get("status") or {}).get("conditions") or () if c.get("type") in _DECISIONS]
    if decided or written:
        status["conditions"] = [*decided, *written]
    else:
        status.pop("conditions", None)


def _approval(csr: Obj, old: Obj) -> None:
    """The approval road may add decisions, but no certificate."""
    csr["spec"] = old["spec"]
    status = csr.setdefault("status", {})
    certificate = (old.get("status") or {}).get("certificate")
    if certificate is None:
        status.pop("certificate", None)
    else:
        status["certificate"] = certificate


HOOKS: dict[GK, Hook] = {
    GK("certificates.k8s.io", "CertificateSigningRequest"): Hook(
        update=_update, subresources={"status": _status, "approval": _approval}
    )
}
