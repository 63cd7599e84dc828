"""Preparation of CustomResourceDefinitions: which versions have ever been stored."""

from __future__ import annotations

from kubepy.api.strategies.hook import Hook
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj


def _storage_version(crd: Obj) -> str:
    for version in crd["spec"].get("versions") or ():
        if version.get("storage"):
            return version.get("name") or ""
    return ""


def _create(crd: Obj) -> None:
    crd["status"] = {"storedVersions": [_storage_version(crd)]}


def _update(crd: Obj, old: Obj) -> None:
    stored = (old.get("status") or {}).get("storedVersions") or []
    version = _storage_version(crd)
    if version not in stored:
        crd["status"] = {**(old.get("status") or {}), "storedVersions": [*stored, version]}


HOOKS: dict[GK, Hook] = {
    GK("apiextensions.k8s.io", "CustomResourceDefinition"): Hook(create=_create, update=_update)
}
