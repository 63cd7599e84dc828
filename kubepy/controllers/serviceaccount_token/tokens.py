"""A token that lives as long as its Secret, and what a Secret lacks. Pure but for the key."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

TYPE = "kubernetes.io/service-account-token"
ACCOUNT_NAME = "kubernetes.io/service-account.name"
ACCOUNT_UID = "kubernetes.io/service-account.uid"
ISSUER = "kubernetes/serviceaccount"
CLAIM = f"{ISSUER}/"
P256_BYTES = 32

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def load_key(path: Path) -> PrivateKey:
    """The key that signs service account tokens. Raises ValueError for other kinds than RSA and EC P-256."""
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    is_p256 = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or (
        isinstance(key, ec.EllipticCurvePrivateKey) and not is_p256
    ):
        raise ValueError(f"{path}: service account keys are RSA or EC P-256")
    return key


def token_for(account: Obj, secret: Obj, key: PrivateKey) -> str:
    """A JSON Web Token that says whose it is and in which Secret it is kept."""
    namespace, name = meta.namespace(account), meta.name(account)
    claims = {
        "iss": ISSUER,
        f"{CLAIM}namespace": namespace,
        f"{CLAIM}secret.name": meta.name(secret),
        f"{CLAIM}service-account.name": name,
        f"{CLAIM}service-account.uid": meta.uid(account),
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    header = {"alg": algorithm, "kid": _base64url(hashlib.sha256(public).digest())}
    signed = f"{_base64url(_json(header))}.{_base64url(_json(claims))}"
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(P256_BYTES, "big") + s.to_bytes(P256_BYTES, "big")
    return f"{signed}.{_base64url(signature)}"


def is_for(secret: Obj, account: Obj) -> bool:
    """Whether the Secret names this account, and not another of its name that was there before."""
    notes = meta.annotations(secret)
    return notes.get(ACCOUNT_NAME) == meta.name(account) and notes.get(ACCOUNT_UID) in (
        None,
        "",
        meta.uid(account),
    )


def filled(secret: Obj, account: Obj, key: PrivateKey, root_ca: bytes) -> Obj:
    """The Secret with all that it should hold; it itself if it does."""
    data = dict(secret.get("data") or {})
    wanted = {"namespace": _base64(meta.namespace(secret).encode())}
    if root_ca:
        wanted["ca.crt"] = _base64(root_ca)
    if not data.get("token"):
        wanted["token"] = _base64(token_for(account, secret, key).encode())
    notes = {**meta.annotations(secret), ACCOUNT_UID: meta.uid(account)}
    if wanted.items() <= data.items() and notes == meta.annotations(secret):
        return secret
    return {**secret, "metadata": {**secret["metadata"], "annotations": notes}, "data": data | wanted}


def _json(value: Obj) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
