"""Where kubepy keeps its things. One flag (``--root``) moves all of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DIRECTORY_MODE = 0o755
SECRET_MODE = 0o600


@dataclass(frozen=True)
class Paths:
    """The folders of one cluster below ``root`` ("/" unless told otherwise).

    ``etc`` holds keys and configuration, ``var`` what must survive, ``run`` what must not,
    ``log`` one file per component of each machine.
    """

    root: Path = Path("/")

    @property
    def etc(self) -> Path:
        return self.root / "etc/kubepy"

    @property
    def var(self) -> Path:
        return self.root / "var/lib/kubepy"

    @property
    def run(self) -> Path:
        return self.root / "run/kubepy"

    @property
    def log(self) -> Path:
        return self.root / "var/log/kubepy"

    @property
    def pki(self) -> Path:
        return self.etc / "pki"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.etc / "admin.kubeconfig"

    @property
    def images(self) -> Path:
        """An OCI image layout with the images that kubepy builds."""
        return self.var / "images"

    @property
    def topology(self) -> Path:
        return self.etc / "cluster.yaml"

    @property
    def database(self) -> Path:
        """The API server's SQLite file."""
        return self.var / "apiserver/state.db"

    @property
    def etcd(self) -> Path:
        """The data directories of the etcd members, where several masters keep the state."""
        return self.var / "etcd"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    def machine_etc(self, machine: str) -> Path:
        return self.etc / machine

    def machine_var(self, machine: str) -> Path:
        return self.var / machine

    def machine_run(self, machine: str) -> Path:
        return self.run / machine

    def machine_log(self, machine: str) -> Path:
        return self.log / machine


def write_file(path: Path, content: str | bytes, mode: int = 0o644) -> bool:
    """Write ``path`` atomically with ``mode``; leave it alone when it already says this.

    Returns whether the file changed. The mode is put right either way.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data:
        path.chmod(mode)
        return False
    path.parent.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.write(descriptor, data)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.rename(path)
    return True
