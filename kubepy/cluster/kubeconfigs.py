"""Kubeconfig files for the cluster's own users, with certificates embedded."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import yaml

from kubepy.cluster.paths import SECRET_MODE, write_file
from kubepy.cluster.pki import KeyPair


def kubeconfig(cluster: str, server: str, ca: Path, user: str, pair: KeyPair) -> dict[str, Any]:
    """A kubeconfig with one context, in which ``user`` holds ``pair``."""
    context = f"{user}@{cluster}"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster, "cluster": {"server": server, "certificate-authority-data": _encoded(ca)}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(pair.certificate),
                    "client-key-data": _encoded(pair.key),
                },
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": user}}],
        "current-context": context,
    }


def write_kubeconfig(path: Path, cluster: str, server: str, ca: Path, user: str, pair: KeyPair) -> None:
    document = kubeconfig(cluster, server, ca, user, pair)
    write_file(path, yaml.safe_dump(document, sort_keys=False), SECRET_MODE)


def merge_into_home(source: Path, target: Path | None = None) -> None:
    """Add the cluster, user and context of ``source`` to ~/.kube/config and select the context."""
    target = target or Path.home() / ".kube/config"
    ours = yaml.safe_load(source.read_text())
    merged = yaml.safe_load(target.read_text()) if target.is_file() else None
    merged = merged or {"apiVersion": "v1", "kind": "Config"}
    for section in ("clusters", "users", "contexts"):
        names = {entry["name"] for entry in ours[section]}
        kept = [entry for entry in merged.get(section) or [] if entry["name"] not in names]
        merged[section] = kept + ours[section]
    merged["current-context"] = ours["current-context"]
    write_file(target, yaml.safe_dump(merged, sort_keys=False), SECRET_MODE)


def _encoded(path: Path) -> str:
    return b64encode(path.read_bytes()).decode()
