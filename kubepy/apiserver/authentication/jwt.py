"""JSON Web Tokens: RS256 and ES256, signing and verifying, on the package cryptography."""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InternalError, InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_P256_BYTES = 32


class InvalidToken(Exception):
    """Not a token we signed, or damaged."""


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The reverse. Raises InvalidToken."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("malformed base64") from error


def key_id(key: PublicKey) -> str:
    """The key's id as Kubernetes derives it: the hash of its DER form."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b64(hashlib.sha256(der).digest())


def load_private_key(path: Path) -> PrivateKey:
    """A PEM private key. Raises ValueError for other kinds than RSA and EC P-256."""
    # Proving the primes of an RSA key takes 36 ms; whether its numbers belong together is what matters here.
    key = serialization.load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, rsa.RSAPrivateKey):
        if not _signs(key):
            raise ValueError(f"{path}: the RSA key is damaged")
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError(f"{path}: service account keys are RSA or EC P-256")


def _signs(key: rsa.RSAPrivateKey) -> bool:
    probe = b"kubepy"
    try:
        signature = key.sign(probe, padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signature, probe, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, InternalError, ValueError):
        return False
    return True


def load_public_key(path: Path) -> PublicKey:
    """A PEM public key, private key or certificate."""
    data = path.read_bytes()
    if b"CERTIFICATE" in data:
        from cryptography import x509  # seldom needed, and slow to load

        key: Any = x509.load_pem_x509_certificate(data).public_key()
    elif b"PRIVATE KEY" in data:
        key = load_private_key(path).public_key()
    else:
        key = serialization.load_pem_public_key(data)
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise ValueError(f"{path}: service account keys are RSA or EC P-256")
    return key


def sign(claims: dict[str, Any], key: PrivateKey) -> str:
    """A compact JWT."""
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    header = {"alg": algorithm, "kid": key_id(key.public_key())}
    signed = f"{b64(orjson.dumps(header))}.{b64(orjson.dumps(claims))}"
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")
    return f"{signed}.{b64(signature)}"


def claims_of(token: str) -> dict[str, Any]:
    """The claims, not verified: only to see whose token it may be. Raises InvalidToken."""
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidToken("not a JWT")
    try:
        claims = orjson.loads(unb64(parts[1]))
    except orjson.JSONDecodeError as error:
        raise InvalidToken("malformed claims") from error
    if not isinstance(claims, dict):
        raise InvalidToken("malformed claims")
    return claims


def verify(token: str, keys: dict[str, PublicKey]) -> dict[str, Any]:
    """The claims of a token signed by one of the keys (by key id). Raises InvalidToken."""
    claims = claims_of(token)
    head, payload, signature_text = token.split(".")
    try:
        header = orjson.loads(unb64(head))
    except orjson.JSONDecodeError as error:
        raise InvalidToken("malformed header") from error
    if not isinstance(header, dict):
        raise InvalidToken("malformed header")
    kid = header.get("kid")
    candidates = [keys[kid]] if kid in keys else list(keys.values()) if not kid else []
    signed, signature = f"{head}.{payload}".encode(), unb64(signature_text)
    if any(_verified(key, header.get("alg"), signed, signature) for key in candidates):
        return claims
    raise InvalidToken("signature is not by a known key")


def _verified(key: PublicKey, algorithm: Any, signed: bytes, signature: bytes) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if algorithm != "RS256":
                return False
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            return True
        if algorithm != "ES256" or len(signature) != 2 * _P256_BYTES:
            return False
        r, s = (int.from_bytes(part, "big") for part in (signature[:_P256_BYTES], signature[_P256_BYTES:]))
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def jwk(key: PublicKey) -> dict[str, str]:
    """The key as an entry of a JWKS document."""
    common = {"use": "sig", "kid": key_id(key)}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        exponent = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")
        return {**common, "kty": "RSA", "alg": "RS256", "n": b64(modulus), "e": b64(exponent)}
    point = key.public_numbers()
    x, y = (b64(value.to_bytes(_P256_BYTES, "big")) for value in (point.x, point.y))
    return {**common, "kty": "EC", "alg": "ES256", "crv": "P-256", "x": x, "y": y}
