"""Keys for webhooks: a CA of our own, a serving certificate, and when each is due. No I/O."""

import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=3650)
SERVING_LIFETIME = timedelta(days=90)
SKEW = timedelta(minutes=5)  # machines' clocks differ a little


@dataclass(frozen=True)
class Certificates:
    """PEM. `bundle` is what callers shall trust: the present CA, and after a change of it also the last."""

    ca: bytes
    ca_key: bytes
    certificate: bytes
    key: bytes
    bundle: bytes

    @classmethod
    def make(cls, names: Sequence[str], now: datetime) -> "Certificates":
        """A new CA, and a serving certificate for these names and addresses."""
        ca, ca_key = _authority(now)
        certificate, key = _serving(ca, ca_key, names, now)
        return cls(ca, ca_key, certificate, key, ca)

    def renewed(self, names: Sequence[str], now: datetime) -> "Certificates":
        """These, or what has to take their place: each part when two thirds of its life are over.

        A new CA is followed by a new serving certificate at once; the old CA stays in the bundle as long as
        it is valid, so that who was told of the old one only can still be served by it.
        """
        made = self
        if due(made.ca, now):
            ca, ca_key = _authority(now)
            made = replace(made, ca=ca, ca_key=ca_key, bundle=ca + made.ca)
        old = x509.load_pem_x509_certificates(made.bundle)[1:]
        if any(certificate.not_valid_after_utc <= now for certificate in old):
            made = replace(made, bundle=made.ca)
        if made.ca != self.ca or due(made.certificate, now) or _names(made.certificate) != _sorted(names):
            certificate, key = _serving(made.ca, made.ca_key, names, now)
            made = replace(made, certificate=certificate, key=key)
        return made

    def load_into(self, context: ssl.SSLContext) -> None:
        """Connections made from now on are served with this certificate."""
        # OpenSSL reads certificates from files only.
        with tempfile.TemporaryDirectory(prefix="kubepy-") as folder:
            file = Path(folder, "serving.pem")
            file.touch(mode=0o600)
            file.write_bytes(self.certificate + self.key)
            context.load_cert_chain(file)


def due(certificate: bytes, now: datetime) -> bool:
    """Whether two thirds of the certificate's life are over."""
    loaded = x509.load_pem_x509_certificate(certificate)
    life = loaded.not_valid_after_utc - loaded.not_valid_before_utc
    return now >= loaded.not_valid_before_utc + life * 2 / 3


def _authority(now: datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: two CAs of one name in a bundle are hard to tell apart.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"webhook-ca-{int(now.timestamp())}")])
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), _pem(key)


def _serving(ca: bytes, ca_key: bytes, names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    authority = x509.load_pem_x509_certificate(ca)
    signer = serialization.load_pem_private_key(ca_key, None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise ValueError("the CA's key is no elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(min(now + SERVING_LIFETIME, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), _pem(key)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names(certificate: bytes) -> list[str]:
    loaded = x509.load_pem_x509_certificate(certificate)
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(str(name.value) for name in names)


def _sorted(names: Sequence[str]) -> list[str]:
    return sorted(str(_general(name).value) for name in names)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
