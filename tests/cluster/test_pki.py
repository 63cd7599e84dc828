"""Keys: made once, kept private, renewed when due."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from kubepy.cluster.pki import Identity, Pki

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NODE = Identity("system:node:w1", ("system:nodes",))
SERVER = Identity("kube-apiserver", (), ("localhost",), ("127.0.0.1",), server=True, client=False)


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_private_keys_are_private(tmp_path: Path) -> None:
    pki = Pki(tmp_path, NOW)
    pki.ensure("node", NODE)
    pki.ensure_service_account_key()
    keys = list(tmp_path.glob("*.key"))
    assert len(keys) == 3
    assert all(stat.S_IMODE(key.stat().st_mode) == 0o600 for key in keys)


def test_certificates_carry_the_identity_and_are_signed_by_the_ca(tmp_path: Path) -> None:
    pki = Pki(tmp_path, NOW)
    certificate = load(pki.ensure("node", NODE).certificate)
    assert certificate.subject.rfc4514_string() == "CN=system:node:w1,O=system:nodes"
    certificate.verify_directly_issued_by(load(pki.ca.certificate))
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_server_certificate_names_its_addresses(tmp_path: Path) -> None:
    certificate = load(Pki(tmp_path, NOW).ensure("apiserver", SERVER).certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_what_is_there_and_right_stays(tmp_path: Path) -> None:
    first = Pki(tmp_path, NOW).ensure("node", NODE).certificate.read_bytes()
    later = Pki(tmp_path, NOW + timedelta(days=100)).ensure("node", NODE).certificate.read_bytes()
    assert first == later


def test_certificates_that_run_out_soon_are_renewed(tmp_path: Path) -> None:
    first = Pki(tmp_path, NOW).ensure("node", NODE).certificate.read_bytes()
    late = Pki(tmp_path, NOW + timedelta(days=340)).ensure("node", NODE).certificate.read_bytes()
    assert first != late


def test_another_identity_is_another_certificate(tmp_path: Path) -> None:
    pki = Pki(tmp_path, NOW)
    pki.ensure("node", NODE)
    other = Identity("system:node:w2", ("system:nodes",))
    assert "w2" in load(pki.ensure("node", other).certificate).subject.rfc4514_string()


def test_certificates_of_another_ca_are_replaced(tmp_path: Path) -> None:
    old = Pki(tmp_path, NOW).ensure("node", NODE).certificate.read_bytes()
    for name in ("ca.crt", "ca.key"):
        (tmp_path / name).unlink()
    assert Pki(tmp_path, NOW).ensure("node", NODE).certificate.read_bytes() != old
