"""Who may call: keys and tokens of this process's clusters, and kubeconfigs.

One authority per process: making it costs some milliseconds, which a cluster per test should not pay.
"""

from __future__ import annotations

import atexit
import secrets
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubepy.cluster.pki import Identity, KeyPair, Pki
from kubepy.util.clock import SystemClock

NODES_USER = "system:node:simulated"
_USERS = {
    "admin": ("kubernetes-admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "nodes": (NODES_USER, "system:masters"),
}


@dataclass(frozen=True)
class Credentials:
    """Files in a folder of the process's own, which goes when it ends."""

    folder: Path
    authority: KeyPair
    server: KeyPair
    service_account_key: Path
    token_file: Path
    tokens: dict[str, str] = field(repr=False)

    def write_kubeconfig(self, path: Path, url: str) -> None:
        """The administrator's kubeconfig for the server at `url`."""
        name = "kubepy-test"
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {"server": url, "certificate-authority": str(self.authority.certificate)},
                }
            ],
            "users": [{"name": name, "user": {"token": self.tokens["admin"]}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
            "current-context": name,
            "preferences": {},
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@lru_cache(maxsize=1)
def credentials() -> Credentials:
    """Those of this process, made when first asked for."""
    scratch = tempfile.TemporaryDirectory(prefix="kubepy-test-", ignore_cleanup_errors=True)
    atexit.register(scratch.cleanup)
    folder = Path(scratch.name)
    pki = Pki(folder, SystemClock().now(), ca_common_name="kubepy-test")
    server = pki.ensure(
        "apiserver",
        Identity(
            "kube-apiserver",
            dns_names=("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"),
            addresses=("127.0.0.1", "10.96.0.1"),
            server=True,
        ),
    )
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key_file = folder / "sa.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(key)
    tokens = {role: secrets.token_urlsafe(16) for role in _USERS}
    lines = [f'{tokens[role]},{user},{role},"{group}"\n' for role, (user, group) in _USERS.items()]
    token_file = folder / "tokens.csv"
    token_file.touch(mode=0o600)
    token_file.write_text("".join(lines), encoding="utf-8")
    return Credentials(folder, pki.ca, server, key_file, token_file, tokens)
