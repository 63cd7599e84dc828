"""Certificates by request: a key made here, a CertificateSigningRequest, the certificate from its status."""

from __future__ import annotations

import base64
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubepy.api.resources import CSRS
from kubepy.bootstrap.errors import BootstrapError
from kubepy.client import Client
from kubepy.machinery import conditions, meta
from kubepy.util.clock import Clock

CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING_SIGNER = "kubernetes.io/kubelet-serving"
SIGNED_WITHIN = 60.0
LOOK_AGAIN = 0.25


def make_key() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """A new key, and it as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key, pem


def node_request(key: ec.EllipticCurvePrivateKey, node_name: str, addresses: tuple[str, ...] = ()) -> bytes:
    """A PKCS#10 request for a node's identity; with ``addresses`` for its serving certificate."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{node_name}"),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if addresses:
        names: list[x509.GeneralName] = [x509.DNSName(node_name)]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def request_certificate(
    client: Client, clock: Clock, request: bytes, signer: str, purpose: str
) -> bytes:
    """The certificate (PEM) for ``request``. Raises BootstrapError when nobody approves and signs it."""
    csr = await client.create(
        CSRS,
        {
            "metadata": {"generateName": "node-csr-"},
            "spec": {
                "request": base64.b64encode(request).decode(),
                "signerName": signer,
                "usages": ["digital signature", purpose],
            },
        },
    )
    name = meta.name(csr)
    deadline = clock.monotonic() + SIGNED_WITHIN
    while True:
        status = csr.get("status") or {}
        if status.get("certificate"):
            return base64.b64decode(status["certificate"])
        for bad in ("Denied", "Failed"):
            condition = conditions.get(csr, bad)
            if condition is not None:
                raise BootstrapError(
                    f"the certificate request {name} was {bad.lower()}: {condition.get('message', '')}"
                )
        if clock.monotonic() > deadline:
            state = "approved but not signed" if conditions.is_true(csr, "Approved") else "not approved"
            raise BootstrapError(
                f"the certificate request {name} is {state} after {SIGNED_WITHIN:.0f} s: see the "
                "controller-manager's log on the master (journalctl -u kubepy-controller-manager), and "
                f"`kubectl get csr {name}`"
            )
        await clock.sleep(LOOK_AGAIN)
        csr = await client.get(CSRS, name)
