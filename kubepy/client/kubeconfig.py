"""Kubeconfig files: find, read, merge and write them, as `kubectl config` does."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kubepy.machinery.meta import Obj

_PATH_FIELDS = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
}


class KubeconfigError(Exception):
    """The kubeconfig cannot be used; the message says which part."""


def default_paths(environ: Mapping[str, str] | None = None) -> list[Path]:
    """The files of $KUBECONFIG in order, or ~/.kube/config."""
    environ = os.environ if environ is None else environ
    listed = [Path(part) for part in environ.get("KUBECONFIG", "").split(":") if part]
    return listed or [Path.home() / ".kube" / "config"]


def load(paths: Sequence[Path | str] | None = None) -> Obj:
    """Read and merge kubeconfigs; missing files of $KUBECONFIG are skipped, but one must exist.

    Paths inside a file become absolute (they are relative to the file's folder).
    """
    chosen = [Path(path) for path in paths] if paths is not None else default_paths()
    found = [path for path in chosen if path.exists()]
    if not found:
        raise KubeconfigError(f"no kubeconfig found (looked for {', '.join(map(str, chosen))})")
    merged = empty()
    for path in found:
        merged = merge(merged, _read(path))
    return merged


def empty() -> Obj:
    """A kubeconfig without clusters."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [],
        "users": [],
        "contexts": [],
        "current-context": "",
    }


def build(name: str, *, server: str, cluster: Obj, user: Obj, user_name: str, namespace: str = "") -> Obj:
    """A kubeconfig of one cluster, one user and their context, which is the current one."""
    context = {"cluster": name, "user": user_name} | ({"namespace": namespace} if namespace else {})
    context_name = f"{user_name}@{name}"
    return empty() | {
        "clusters": [{"name": name, "cluster": {"server": server} | cluster}],
        "users": [{"name": user_name, "user": user}],
        "contexts": [{"name": context_name, "context": context}],
        "current-context": context_name,
    }


def merge(first: Obj, second: Obj, *, overwrite: bool = False) -> Obj:
    """Both together; for a name that both have, and the current context, the first wins (or the second)."""
    base, other = (second, first) if overwrite else (first, second)
    merged = empty() | {key: value for key, value in base.items() if value}
    for section in ("clusters", "users", "contexts"):
        entries = list(base.get(section) or [])
        known = {entry.get("name") for entry in entries}
        merged[section] = entries + [e for e in other.get(section) or [] if e.get("name") not in known]
    merged["current-context"] = base.get("current-context") or other.get("current-context") or ""
    return merged


def write(path: Path | str, config: Obj) -> None:
    """Write the file at once or not at all, readable by its owner only."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yaml.safe_dump(config, file, sort_keys=False)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def resolve(config: Obj, context: str | None = None) -> tuple[Obj, Obj, str]:
    """The (cluster, user, namespace) of a context, the current one by default."""
    name = context or config.get("current-context") or ""
    if not name:
        raise KubeconfigError("the kubeconfig has no current-context")
    chosen = _named(config, "contexts", "context", name)
    cluster = _named(config, "clusters", "cluster", chosen.get("cluster") or "")
    user = _named(config, "users", "user", chosen["user"]) if chosen.get("user") else {}
    return cluster, user, chosen.get("namespace") or "default"


def _named(config: Obj, section: str, field: str, name: str) -> Obj:
    for entry in config.get(section) or []:
        if entry.get("name") == name:
            return entry.get(field) or {}
    raise KubeconfigError(f'{field} "{name}" does not exist')


def _read(path: Path) -> Obj:
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KubeconfigError(f"error loading config file {str(path)!r}: {error}") from error
    if document is None:
        return empty()
    if not isinstance(document, dict):
        raise KubeconfigError(f"error loading config file {str(path)!r}: not a mapping")
    for section, fields in _PATH_FIELDS.items():
        for entry in document.get(section) or []:
            inner = entry.get(section.removesuffix("s")) or {}
            for field in fields:
                if inner.get(field):
                    inner[field] = str(path.parent.resolve() / inner[field])
    return document
