"""Where the API server is, and who is calling."""

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubepy.client import kubeconfig

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class ClientConfig:
    """One server and one identity. `*_data` are PEM bytes; they win over the file of the same thing."""

    server: str
    ca_data: bytes | None = None
    ca_file: str | None = None
    cert_data: bytes | None = None
    cert_file: str | None = None
    key_data: bytes | None = None
    key_file: str | None = None
    token: str | None = None
    token_file: str | None = None
    username: str | None = None
    password: str | None = None
    impersonate: str | None = None
    impersonate_groups: tuple[str, ...] = ()
    exec_plugin: dict[str, Any] | None = field(default=None, hash=False)
    insecure: bool = False
    tls_server_name: str | None = None
    namespace: str = "default"

    @classmethod
    def from_kubeconfig(cls, path: str | Path | None = None, context: str | None = None) -> "ClientConfig":
        """From `path` (else $KUBECONFIG, else ~/.kube/config); raises KubeconfigError."""
        config = kubeconfig.load([path] if path is not None else None)
        cluster, user, namespace = kubeconfig.resolve(config, context)
        if not cluster.get("server"):
            raise kubeconfig.KubeconfigError("the cluster has no server")
        if user.get("auth-provider"):
            raise kubeconfig.KubeconfigError(
                "the auth-provider plugins were removed from Kubernetes: use an exec plugin"
            )
        return cls(
            server=cluster["server"].rstrip("/"),
            ca_data=_decode(cluster, "certificate-authority-data"),
            ca_file=cluster.get("certificate-authority"),
            cert_data=_decode(user, "client-certificate-data"),
            cert_file=user.get("client-certificate"),
            key_data=_decode(user, "client-key-data"),
            key_file=user.get("client-key"),
            token=user.get("token"),
            token_file=user.get("tokenFile"),
            username=user.get("username"),
            password=user.get("password"),
            impersonate=user.get("as"),
            impersonate_groups=tuple(user.get("as-groups") or ()),
            exec_plugin=user.get("exec"),
            insecure=bool(cluster.get("insecure-skip-tls-verify")),
            tls_server_name=cluster.get("tls-server-name"),
            namespace=namespace,
        )

    @classmethod
    def in_cluster(cls) -> "ClientConfig":
        """From a pod's service account and environment; raises KubeconfigError outside a pod."""
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
        token = SERVICE_ACCOUNT / "token"
        if not host or not port or not token.exists():
            raise kubeconfig.KubeconfigError(
                "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and "
                "KUBERNETES_SERVICE_PORT must be defined and a service account mounted"
            )
        namespace = SERVICE_ACCOUNT / "namespace"
        return cls(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            ca_file=str(SERVICE_ACCOUNT / "ca.crt"),
            token_file=str(token),
            namespace=namespace.read_text().strip() if namespace.exists() else "default",
        )

    @classmethod
    def load(cls) -> "ClientConfig":
        """In a pod its service account, else the kubeconfig; raises KubeconfigError."""
        if os.environ.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").exists():
            return cls.in_cluster()
        return cls.from_kubeconfig()

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS settings; None for a plain http server. Raises OSError or ssl.SSLError for bad files."""
        if not self.server.startswith("https:"):
            return None
        if self.insecure:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca_data:
            context = ssl.create_default_context(cadata=self.ca_data.decode("ascii"))
        else:
            context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_data or self.key_data:
            self._load_cert_data(context)
        elif self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context

    def _load_cert_data(self, context: ssl.SSLContext) -> None:
        # OpenSSL reads certificates from files only.
        with tempfile.TemporaryDirectory(prefix="kubepy-") as folder:
            cert, key = Path(folder, "cert"), Path(folder, "key")
            cert.write_bytes(self.cert_data or _contents(self.cert_file))
            key.touch(mode=0o600)
            key.write_bytes(self.key_data or _contents(self.key_file))
            context.load_cert_chain(cert, key)


def _contents(path: str | None) -> bytes:
    return Path(path).read_bytes() if path else b""


def _decode(section: Mapping[str, str], field: str) -> bytes | None:
    text = section.get(field)
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise kubeconfig.KubeconfigError(f"{field} is not base64: {error}") from error
