"""The cluster's keys: one CA, a certificate per component, the service account key pair.

File names follow kubeadm's (ca.crt, apiserver.crt, sa.key, ...), so that whoever knows
/etc/kubernetes/pki finds their way.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubepy.cluster.paths import SECRET_MODE, write_file

CA_YEARS = 10
CERTIFICATE_DAYS = 365
RENEW_BEFORE = timedelta(days=30)
SKEW = timedelta(minutes=5)  # machines' clocks differ a little


@dataclass(frozen=True)
class Identity:
    """What a certificate says of its holder: user name (CN), groups (O), names it answers to."""

    common_name: str
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    server: bool = False
    client: bool = True


@dataclass(frozen=True)
class KeyPair:
    """The paths of a certificate and its key, PEM."""

    certificate: Path
    key: Path


class Pki:
    """A folder of keys that fills itself: each ``ensure_*`` makes what is missing or due, no more."""

    def __init__(
        self,
        directory: Path,
        now: datetime,
        ca: str = "ca",
        ca_common_name: str = "kubernetes",
        *,
        renew_before: timedelta = RENEW_BEFORE,
    ) -> None:
        self.directory = directory
        self._renew_before = renew_before
        self._now = now
        self.ca = self._pair(ca)
        self._ca_certificate, self._ca_key = self._ensure_ca(ca_common_name)

    def _pair(self, name: str) -> KeyPair:
        return KeyPair(self.directory / f"{name}.crt", self.directory / f"{name}.key")

    def ensure(self, name: str, identity: Identity) -> KeyPair:
        """The key pair ``name``; issued anew when missing, due, or for another identity."""
        pair = self._pair(name)
        if pair.certificate.is_file() and pair.key.is_file():
            current = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
            due = current.not_valid_after_utc - self._renew_before <= self._now
            if not due and _identity_of(current) == identity and self._signed_by_us(current):
                return pair
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._issue(identity, key.public_key())
        write_file(pair.key, _pem(key), SECRET_MODE)
        write_file(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        return pair

    def ensure_service_account_key(self) -> tuple[Path, Path]:
        """(private, public) key with which service account tokens are signed and checked."""
        private, public = self.directory / "sa.key", self.directory / "sa.pub"
        if not private.is_file():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            write_file(private, _pem(key), SECRET_MODE)
        loaded = serialization.load_pem_private_key(private.read_bytes(), password=None)
        encoded = loaded.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_file(public, encoded)
        return private, public

    def _ensure_ca(self, common_name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        if not self.ca.key.is_file():
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = self._self_sign(key, common_name)
            write_file(self.ca.key, _pem(key), SECRET_MODE)
            write_file(self.ca.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        certificate = x509.load_pem_x509_certificate(self.ca.certificate.read_bytes())
        loaded = serialization.load_pem_private_key(self.ca.key.read_bytes(), password=None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{self.ca.key}: an elliptic curve key is expected")
        return certificate, loaded

    def _self_sign(self, key: ec.EllipticCurvePrivateKey, common_name: str) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - SKEW)
            .not_valid_after(self._now + timedelta(days=365 * CA_YEARS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )

    def _issue(self, identity: Identity, public_key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in identity.organizations]
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name))
        usages = []
        if identity.server:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        if identity.client:
            usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(attributes))
            .issuer_name(self._ca_certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - SKEW)
            .not_valid_after(self._now + timedelta(days=CERTIFICATE_DAYS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key()), critical=False
            )
        )
        names: list[x509.GeneralName] = [x509.DNSName(n) for n in identity.dns_names]
        names += [x509.IPAddress(ipaddress.ip_address(a)) for a in identity.addresses]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._ca_key, hashes.SHA256())

    def _signed_by_us(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self._ca_certificate)
        except Exception:  # noqa: BLE001 - whatever is wrong with the signature, it is not ours
            return False
        return True


def _identity_of(certificate: x509.Certificate) -> Identity:
    def values(oid: x509.ObjectIdentifier) -> tuple[str, ...]:
        return tuple(str(a.value) for a in certificate.subject.get_attributes_for_oid(oid))

    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns_names = tuple(alternative.get_values_for_type(x509.DNSName))
        addresses = tuple(str(a) for a in alternative.get_values_for_type(x509.IPAddress))
    except x509.ExtensionNotFound:
        dns_names, addresses = (), ()
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return Identity(
        common_name="".join(values(NameOID.COMMON_NAME)),
        organizations=values(NameOID.ORGANIZATION_NAME),
        dns_names=dns_names,
        addresses=addresses,
        server=ExtendedKeyUsageOID.SERVER_AUTH in usages,
        client=ExtendedKeyUsageOID.CLIENT_AUTH in usages,
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
