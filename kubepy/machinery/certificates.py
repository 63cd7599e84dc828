"""Reading PKCS#10 requests as CertificateSigningRequests carry them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class CertificateRequest:
    """What a request asks for, in Kubernetes' terms."""

    request: x509.CertificateSigningRequest
    common_name: str
    organizations: tuple[str, ...]
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    emails: tuple[str, ...]
    uris: tuple[str, ...]


def parse_request(text: str) -> CertificateRequest:
    """From spec.request: base64 of PEM. Raises ValueError for anything else, or a wrong signature."""
    try:
        pem = base64.b64decode(text)
    except (binascii.Error, ValueError):
        raise ValueError("PEM block type must be CERTIFICATE REQUEST") from None
    if b"-----BEGIN CERTIFICATE REQUEST-----" not in pem:
        raise ValueError("PEM block type must be CERTIFICATE REQUEST")
    request = x509.load_pem_x509_csr(pem)
    if not request.is_signature_valid:
        raise ValueError("the signature of the request is not valid")

    def named(oid: x509.ObjectIdentifier) -> tuple[str, ...]:
        return tuple(str(attribute.value) for attribute in request.subject.get_attributes_for_oid(oid))

    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    return CertificateRequest(
        request,
        next(iter(named(NameOID.COMMON_NAME)), ""),
        named(NameOID.ORGANIZATION_NAME),
        tuple(names.get_values_for_type(x509.DNSName)),
        tuple(map(str, names.get_values_for_type(x509.IPAddress))),
        tuple(names.get_values_for_type(x509.RFC822Name)),
        tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
    )
