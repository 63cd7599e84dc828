"""A CustomResourceDefinition, read once: which resources it makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubepy.api.resources import STANDARD_VERBS, Resource, Subresource
from kubepy.machinery import conditions
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj

FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_READ_WRITE = ("get", "patch", "update")
_SCALE = GVK("autoscaling", "v1", "Scale")
_KEPT_WHILE_TERMINATING = ("delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Definition:
    """The parts of a definition that serving needs."""

    def __init__(self, crd: Obj) -> None:
        self.crd = crd
        self.name: str = crd["metadata"]["name"]
        self.uid: str = crd["metadata"]["uid"]
        spec, status = crd["spec"], crd.get("status") or {}
        self.group: str = spec["group"]
        self.names: Obj = status.get("acceptedNames") or spec["names"]
        self.namespaced: bool = spec["scope"] == "Namespaced"
        self.versions: list[Obj] = spec["versions"]
        self.conversion: Obj = spec.get("conversion") or {"strategy": "None"}
        self.preserves: bool = bool(spec.get("preserveUnknownFields"))
        self.established = conditions.is_true(crd, "Established")
        self.terminating = conditions.is_true(crd, "Terminating") or bool(
            crd["metadata"].get("deletionTimestamp")
        )

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal as long as it serves the same."""
        return (self.uid, self.crd["spec"], self.names, self.established)

    @property
    def storage_version(self) -> str:
        """The version objects rest in."""
        return next(str(version["name"]) for version in self.versions if version.get("storage"))

    @property
    def storage_path(self) -> str:
        """Where the objects are in the storage."""
        return f"{self.group}/{self.crd['spec']['names']['plural']}"

    def served(self) -> Iterator[Obj]:
        """The versions that are served."""
        return (version for version in self.versions if version.get("served"))

    def subresources(self, version: Obj) -> Obj:
        """The subresources of a version, as declared."""
        return version.get("subresources") or {}

    def resource(self, version: Obj) -> Resource:
        """What discovery shows of a version."""
        names, declared = self.names, self.subresources(version)
        gvk = GVK(self.group, version["name"], names["kind"])
        subresources = []
        if "scale" in declared:
            subresources.append(Subresource("scale", _SCALE, _READ_WRITE))
        if "status" in declared:
            subresources.append(Subresource("status", gvk, _READ_WRITE))
        return Resource(
            gvk=gvk,
            plural=names["plural"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=self.namespaced,
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            verbs=_KEPT_WHILE_TERMINATING if self.terminating else STANDARD_VERBS,
            subresources=tuple(subresources),
            virtual=False,
            storage_gvr=GVR(self.group, self.storage_version, names["plural"]),
            storage_path=self.storage_path,
            list_kind=names.get("listKind") or f"{names['kind']}List",
            custom=True,
        )
