"""Others' keys: JSON Web Key Sets, and signatures in all the usual algorithms."""

from __future__ import annotations

from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kubepy.apiserver.authentication.jwt import InvalidToken, unb64

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}


def header_of(token: str) -> dict[str, Any]:
    """The token's header. Raises InvalidToken."""
    try:
        header = orjson.loads(unb64(token.partition(".")[0]))
    except orjson.JSONDecodeError as error:
        raise InvalidToken("malformed header") from error
    if not isinstance(header, dict):
        raise InvalidToken("malformed header")
    return header


def read_set(document: Any) -> dict[str, Key]:
    """The signing keys of a set by their ids; kinds that are not known are left out."""
    found: dict[str, Key] = {}
    for entry in document.get("keys") or () if isinstance(document, dict) else ():
        if entry.get("use") in (None, "sig"):
            key = _key(entry)
            if key is not None:
                found[entry.get("kid") or f"#{len(found)}"] = key
    return found


def _number(text: str) -> int:
    return int.from_bytes(unb64(text), "big")


def _key(entry: dict[str, Any]) -> Key | None:
    try:
        if entry.get("kty") == "RSA":
            return rsa.RSAPublicNumbers(_number(entry["e"]), _number(entry["n"])).public_key()
        if entry.get("kty") == "EC" and entry.get("crv") in _CURVES:
            curve = _CURVES[entry["crv"]]
            return ec.EllipticCurvePublicNumbers(_number(entry["x"]), _number(entry["y"]), curve).public_key()
        if entry.get("kty") == "OKP" and entry.get("crv") == "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(unb64(entry["x"]))
    except (KeyError, ValueError, InvalidToken, UnsupportedAlgorithm):
        return None
    return None


def is_signed_by(token: str, key: Key, algorithm: str) -> bool:
    """Verify the signature of a compact JWT."""
    signed, _, text = token.rpartition(".")
    signature, data = unb64(text), signed.encode()
    kind, hash_ = algorithm[:2], _HASHES.get(algorithm[2:])
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            if algorithm != "EdDSA":
                return False
            key.verify(signature, data)
            return True
        if hash_ is None:
            return False
        if isinstance(key, rsa.RSAPublicKey):
            if kind == "RS":
                key.verify(signature, data, padding.PKCS1v15(), hash_)
            elif kind == "PS":
                key.verify(signature, data, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)
            else:
                return False
            return True
        half = (key.curve.key_size + 7) // 8
        if kind != "ES" or len(signature) != 2 * half:
            return False
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hash_))
    except InvalidSignature:
        return False
    return True
