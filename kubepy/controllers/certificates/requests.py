"""What a signer accepts, in the words of k8s.io/kubernetes/pkg/apis/certificates. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kubepy.machinery import conditions
from kubepy.machinery.certificates import CertificateRequest
from kubepy.machinery.meta import Obj

CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY = "kubernetes.io/legacy-unknown"
_NODE_USER = "system:node:"
_NODES = ("system:nodes",)
_KEY_USES = frozenset({"digital signature", "key encipherment"})


def is_approved(csr: Obj) -> bool:
    """Approved and not denied."""
    return conditions.is_true(csr, "Approved") and not conditions.is_true(csr, "Denied")


def is_decided(csr: Obj) -> bool:
    """Somebody has approved or denied it."""
    return any(conditions.get(csr, kind) is not None for kind in ("Approved", "Denied"))


def _subject_problem(request: CertificateRequest) -> str:
    if request.organizations != _NODES:
        return "subject organization is not system:nodes"
    if not request.common_name.startswith(_NODE_USER):
        return "subject common name does not begin with system:node:"
    return ""


def _usages_are(usages: Iterable[str], purpose: str) -> bool:
    wanted = set(usages)
    return wanted in ({"digital signature", purpose}, {*_KEY_USES, purpose})


def kubelet_client_problem(request: CertificateRequest, usages: Iterable[str]) -> str:
    """Why a kubelet's client certificate is not given; "" when it is."""
    problem = _subject_problem(request)
    for name, values in (
        ("DNS", request.dns_names),
        ("email", request.emails),
        ("IP", request.ip_addresses),
        ("URI", request.uris),
    ):
        if not problem and values:
            problem = f"{name} subjectAltNames are not allowed"
    if not problem and not _usages_are(usages, "client auth"):
        problem = (
            "usages did not match {client auth, digital signature} or {client auth, digital signature, key "
            "encipherment}"
        )
    return problem


def kubelet_serving_problem(request: CertificateRequest, usages: Iterable[str]) -> str:
    """Why a kubelet's serving certificate is not given; "" when it is."""
    problem = _subject_problem(request)
    if not problem and not (request.dns_names or request.ip_addresses):
        problem = "DNS or IP subjectAltName is required"
    for name, values in (("Email", request.emails), ("URI", request.uris)):
        if not problem and values:
            problem = f"{name} subjectAltNames are not allowed"
    if not problem and not _usages_are(usages, "server auth"):
        problem = (
            "usages did not match {digital signature, server auth} or {digital signature, key encipherment, "
        )
        problem += "server auth}"
    return problem


def client_problem(request: CertificateRequest, usages: Iterable[str]) -> str:
    """Why a client certificate for the API server is not given; "" when it is."""
    wanted = set(usages)
    if "client auth" not in wanted:
        return "usages must include client auth"
    others = sorted(wanted - _KEY_USES - {"client auth"})
    return f"unexpected usage: {others[0]}" if others else ""


def _anything(request: CertificateRequest, usages: Iterable[str]) -> str:
    return ""


SIGNERS: dict[str, Callable[[CertificateRequest, Iterable[str]], str]] = {
    CLIENT: client_problem,
    KUBELET_CLIENT: kubelet_client_problem,
    KUBELET_SERVING: kubelet_serving_problem,
    LEGACY: _anything,
}
"""The signers of this cluster, each with its rule."""
