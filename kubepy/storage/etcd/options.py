"""Where an etcd cluster is and how to be let in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EtcdOptions:
    """The files of kube-apiserver's --etcd-cafile, --etcd-certfile and --etcd-keyfile, and --etcd-prefix.

    With any of the files the members are spoken to over TLS. `prefix` takes the place of "/registry".
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    prefix: str = "/registry"

    @property
    def tls(self) -> bool:
        """True when connections are encrypted."""
        return self.ca_file is not None or self.cert_file is not None
