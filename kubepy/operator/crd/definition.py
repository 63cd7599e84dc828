"""A custom resource: its names and versions, its definition, its typed objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from kubepy.machinery import meta
from kubepy.machinery.gvk import GVK, GVR, parse_api_version
from kubepy.machinery.meta import Obj
from kubepy.operator.crd.markers import Column
from kubepy.operator.crd.reading import read, write
from kubepy.operator.crd.schema import columns_of, schema_of

S = TypeVar("S")
T = TypeVar("T")
AGE = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True)
class Scale:
    """The scale subresource: where replicas are asked for and counted, and the selector of the pods."""

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    label_selector: str = ".status.selector"


@dataclass(frozen=True)
class Version:
    """One version of a kind. `status` gives it the status subresource.

    `columns` come after those of the classes' Printed markers, Age after all.
    """

    name: str
    spec: type[Any]
    status: type[Any] | None = None
    served: bool = True
    storage: bool = False
    columns: Sequence[Column] = ()
    scale: Scale | None = None
    selectable_fields: Sequence[str] = ()
    deprecated: bool = False
    deprecation_warning: str = ""

    def definition(self) -> Obj:
        """As spec.versions has it."""
        properties: dict[str, Any] = {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": schema_of(self.spec),
        }
        columns = columns_of(self.spec, ".spec")
        subresources: Obj = {}
        if self.status is not None:
            properties["status"] = schema_of(self.status)
            columns += columns_of(self.status, ".status")
            subresources["status"] = {}
        if self.scale is not None:
            subresources["scale"] = {
                "specReplicasPath": self.scale.spec_replicas,
                "statusReplicasPath": self.scale.status_replicas,
                "labelSelectorPath": self.scale.label_selector,
            }
        schema = {"type": "object", "properties": properties, "required": ["spec"]}
        version: Obj = {
            "name": self.name,
            "served": self.served,
            "storage": self.storage,
            "schema": {"openAPIV3Schema": schema},
        }
        if columns or self.columns:
            version["additionalPrinterColumns"] = [
                column.definition() for column in (*columns, *self.columns, AGE)
            ]
        if subresources:
            version["subresources"] = subresources
        if self.selectable_fields:
            version["selectableFields"] = [{"jsonPath": path} for path in self.selectable_fields]
        if self.deprecated:
            version["deprecated"] = True
            if self.deprecation_warning:
                version["deprecationWarning"] = self.deprecation_warning
        return version


@dataclass
class Resource(Generic[S, T]):
    """An object read: `spec` and `status` as instances, `obj` as it came (a cache's: do not change it)."""

    obj: Obj
    spec: S
    status: T

    @property
    def name(self) -> str:
        return meta.name(self.obj)

    @property
    def namespace(self) -> str:
        return meta.namespace(self.obj)

    @property
    def generation(self) -> int:
        return meta.generation(self.obj)

    @property
    def terminating(self) -> bool:
        """Whether its deletion was asked for."""
        return meta.is_terminating(self.obj)


class CustomResource:
    """A kind of our own.

        WEBS = CustomResource("example.com", "Web", Version("v1", WebSpec, WebStatus, storage=True))

    A single version needs no `storage`. ValueError when not exactly one is stored.
    """

    def __init__(
        self,
        group: str,
        kind: str,
        *versions: Version,
        plural: str = "",
        singular: str = "",
        short_names: Sequence[str] = (),
        categories: Sequence[str] = (),
        scope: Literal["Namespaced", "Cluster"] = "Namespaced",
    ) -> None:
        stored = versions if len(versions) == 1 else [version for version in versions if version.storage]
        if len(stored) != 1:
            raise ValueError(f"{kind}: exactly one version must be the storage version")
        self.group = group
        self.kind = kind
        self.plural = plural or _plural(kind.lower())
        self.singular = singular or kind.lower()
        self.scope = scope
        self.stored = stored[0].name
        self.versions = {version.name: version for version in versions}
        self._short_names = list(short_names)
        self._categories = list(categories)

    @property
    def name(self) -> str:
        """The definition's name."""
        return f"{self.plural}.{self.group}"

    @property
    def gvr(self) -> GVR:
        """The resource in its storage version."""
        return self.gvr_of(self.stored)

    @property
    def gvk(self) -> GVK:
        """The kind in its storage version."""
        return GVK(self.group, self.stored, self.kind)

    def gvr_of(self, version: str) -> GVR:
        """The resource in a version."""
        return GVR(self.group, version, self.plural)

    def definition(self, *, conversion: Obj | None = None) -> Obj:
        """The CustomResourceDefinition. `conversion` is its spec.conversion (without: none)."""
        names: Obj = {
            "plural": self.plural,
            "singular": self.singular,
            "kind": self.kind,
            "listKind": f"{self.kind}List",
        }
        if self._short_names:
            names["shortNames"] = self._short_names
        if self._categories:
            names["categories"] = self._categories
        versions = [
            version.definition() | {"storage": version.name == self.stored}
            for version in self.versions.values()
        ]
        spec: Obj = {"group": self.group, "names": names, "scope": self.scope, "versions": versions}
        if conversion is not None:
            spec["conversion"] = conversion
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name},
            "spec": spec,
        }

    def read(self, obj: Obj) -> Resource[Any, Any]:
        """The object with its spec and status (None when absent) as instances of its version's classes.

        Raises InvalidObject when a value does not fit, KeyError for a version that is not one of ours.
        """
        version = self.versions[parse_api_version(obj.get("apiVersion") or "")[1]]
        spec = read(version.spec, obj.get("spec") or {}, "spec")
        status = obj.get("status")
        typed = None
        if version.status is not None and status is not None:
            typed = read(version.status, status, "status")
        return Resource(obj, spec, typed)

    def write(
        self, name: str, spec: Any, *, namespace: str | None = None, version: str = "", **metadata: Any
    ) -> Obj:
        """The object with that spec, in the storage version unless another is named."""
        head: Obj = {"name": name} | ({"namespace": namespace} if namespace else {}) | metadata
        return {
            "apiVersion": f"{self.group}/{version or self.stored}",
            "kind": self.kind,
            "metadata": head,
            "spec": write(spec),
        }


def _plural(word: str) -> str:
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"
