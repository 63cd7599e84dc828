"""The authorities' keys on their way from one master to the next: encrypted, and gone with a token.

kubeadm's shape: a Secret in kube-system that holds each file encrypted (AES-256-GCM) with a key that only
people see, and that belongs to the bootstrap token it was made for: when that ends, the Secret goes.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kubepy.api.resources import SECRETS
from kubepy.bootstrap import tokens
from kubepy.bootstrap.errors import BootstrapError
from kubepy.client import Client
from kubepy.cluster.paths import SECRET_MODE, Paths, write_file
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError

NAMESPACE, NAME = "kube-system", "kubepy-certs"
FILES = (
    "ca.crt",
    "ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "sa.key",
    "sa.pub",
    "etcd/ca.crt",
    "etcd/ca.key",
)
KEY_BYTES, NONCE_BYTES = 32, 12
AGAIN = "`kubepy token create --control-plane` on a master prints a command that works"


def generate() -> str:
    """A certificate key: 64 hexadecimal digits."""
    return secrets.token_hex(KEY_BYTES)


def check(certificate_key: str) -> bytes:
    """Its bytes. Raises BootstrapError for what is none."""
    try:
        key = bytes.fromhex(certificate_key)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BootstrapError(f"a certificate key has {2 * KEY_BYTES} hexadecimal digits: {AGAIN}")
    return key


def require(paths: Paths) -> None:
    """Raises BootstrapError on a machine that does not have them."""
    absent = [name for name in FILES if not (paths.pki / name).is_file()]
    if absent:
        raise BootstrapError(
            f"{paths.pki / absent[0]} is not here: more masters can only be invited on a master of a cluster "
            "that was made by kubepy init --etcd"
        )


async def upload(client: Client, paths: Paths, certificate_key: str, token: str) -> None:
    """Put this master's keys into the cluster until ``token`` ends; what was there before is replaced.

    Raises BootstrapError where these keys are not.
    """
    require(paths)
    contents = {name: (paths.pki / name).read_bytes() for name in FILES}
    owner = await client.get(SECRETS, f"{tokens.PREFIX}{tokens.check(token)[0]}", namespace=NAMESPACE)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Secret", "name": meta.name(owner), "uid": meta.uid(owner)}
            ],
        },
        "data": {
            _field(name): base64.b64encode(data).decode()
            for name, data in encrypt(contents, check(certificate_key)).items()
        },
    }
    try:
        await client.delete(SECRETS, NAME, namespace=NAMESPACE)
    except StatusError as error:
        if not errors.is_not_found(error):
            raise
    await client.create(SECRETS, secret, namespace=NAMESPACE)


async def fetch(client: Client, certificate_key: str) -> dict[str, bytes]:
    """What `upload` put there. Raises BootstrapError."""
    key = check(certificate_key)
    try:
        secret = await client.get(SECRETS, NAME, namespace=NAMESPACE)
    except StatusError as error:
        if not errors.is_not_found(error) and error.code != 403:
            raise
        raise BootstrapError(f"the masters' keys are not in the cluster (any more): {AGAIN}") from error
    data = secret.get("data") or {}
    try:
        found = {name: base64.b64decode(data[_field(name)]) for name in FILES}
    except (KeyError, binascii.Error) as error:
        raise BootstrapError(f"the Secret {NAME} does not hold all keys: {AGAIN}") from error
    return decrypt(found, key)


def encrypt(contents: Mapping[str, bytes], key: bytes) -> dict[str, bytes]:
    """Each with its name bound to it, so that none can be given for another."""
    cipher = AESGCM(key)
    sealed = {}
    for name, data in contents.items():
        nonce = os.urandom(NONCE_BYTES)
        sealed[name] = nonce + cipher.encrypt(nonce, data, name.encode())
    return sealed


def decrypt(sealed: Mapping[str, bytes], key: bytes) -> dict[str, bytes]:
    """The reverse. Raises BootstrapError for another key, and for what was changed."""
    cipher = AESGCM(key)
    try:
        return {
            name: cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], name.encode())
            for name, data in sealed.items()
        }
    except (InvalidTag, ValueError) as error:
        raise BootstrapError(f"the certificate key does not open the masters' keys: {AGAIN}") from error


def write(contents: Mapping[str, bytes], paths: Paths) -> None:
    """Where a master has them."""
    for name, data in contents.items():
        mode = SECRET_MODE if name.endswith(".key") else 0o644
        write_file(paths.pki / name, data, mode)


def _field(name: str) -> str:
    """A Secret's fields have no slashes."""
    return name.replace("/", "-")
