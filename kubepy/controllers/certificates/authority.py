"""The cluster's certificate authority: from an approved request to a certificate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from kubepy.machinery.certificates import CertificateRequest

BACKDATE = timedelta(minutes=5)  # for clocks that are behind
_KEY_USAGES = (
    ("digital signature", "digital_signature"),
    ("content commitment", "content_commitment"),
    ("key encipherment", "key_encipherment"),
    ("data encipherment", "data_encipherment"),
    ("key agreement", "key_agreement"),
    ("cert sign", "key_cert_sign"),
    ("crl sign", "crl_sign"),
)
_PURPOSES = {
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}


@dataclass(frozen=True)
class Authority:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @classmethod
    def load(cls, certificate: Path, key: Path) -> Authority:
        """From two PEM files. Raises OSError or ValueError."""
        return cls(
            x509.load_pem_x509_certificate(certificate.read_bytes()),
            serialization.load_pem_private_key(key.read_bytes(), None),
        )

    def sign(
        self, request: CertificateRequest, usages: Iterable[str], now: datetime, lifetime: timedelta
    ) -> bytes:
        """The certificate as PEM: the request's subject and names, never longer good than the authority."""
        wanted = set(usages)
        ends = min(now + lifetime, self.certificate.not_valid_after_utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.request.subject)
            .issuer_name(self.certificate.subject)
            .public_key(request.request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATE)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        key_usage = _key_usage(wanted)
        if key_usage is not None:
            builder = builder.add_extension(key_usage, critical=True)
        purposes = [_PURPOSES[usage] for usage in sorted(wanted) if usage in _PURPOSES]
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        try:
            names = request.request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            builder = builder.add_extension(names.value, critical=names.critical)
        except x509.ExtensionNotFound:
            pass  # most client certificates have no other names
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key_usage(wanted: set[str]) -> x509.KeyUsage | None:
    """None when no usage of the key itself was asked for: an empty extension would forbid all of them."""
    named = {field: usage in wanted for usage, field in _KEY_USAGES}
    named["digital_signature"] = named["digital_signature"] or "signing" in wanted
    if not any(named.values()):
        return None
    agreement = named["key_agreement"]
    return x509.KeyUsage(
        **named,
        encipher_only=agreement and "encipher only" in wanted,
        decipher_only=agreement and "decipher only" in wanted,
    )
