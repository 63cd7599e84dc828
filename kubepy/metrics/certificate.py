"""The certificate that the server makes itself when nobody gives it one."""

from __future__ import annotations

import ssl
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubepy.metrics.config import MetricsServerConfig

NAMES = ("metrics-server", "metrics-server.kube-system", "metrics-server.kube-system.svc", "localhost")
VALID_FOR = timedelta(days=365)
SKEW = timedelta(minutes=5)


def server_context(config: MetricsServerConfig, now: datetime) -> ssl.SSLContext:
    """TLS for the server; callers may show a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_OPTIONAL
    if config.tls_cert_file is not None:
        context.load_cert_chain(config.tls_cert_file, config.tls_private_key_file)
        return context
    certificate, key = self_signed(now)
    # OpenSSL reads certificates from files only.
    with tempfile.TemporaryDirectory(prefix="kubepy-") as folder:
        path = Path(folder, "pair.pem")
        path.touch(mode=0o600)
        path.write_bytes(key + certificate)
        context.load_cert_chain(path)
    return context


def self_signed(now: datetime) -> tuple[bytes, bytes]:
    """(certificate, key), PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in NAMES]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), encoded
