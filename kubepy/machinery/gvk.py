"""Names of kinds and resources: group, version, kind and resource in Kubernetes' usual combinations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


def parse_api_version(api_version: str) -> tuple[str, str]:
    """Split "apps/v1" into ("apps", "v1") and "v1" into ("", "v1"); ValueError on more than one slash."""
    group, slash, version = api_version.partition("/")
    if not slash:
        return "", group
    if "/" in version:
        raise ValueError(f"unexpected GroupVersion string: {api_version}")
    return group, version


def format_api_version(group: str, version: str) -> str:
    """Join group and version as the field `apiVersion` writes them."""
    return f"{group}/{version}" if group else version


class GK(NamedTuple):
    """A kind without its version, as errors of validation name it: "Deployment.apps"."""

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


class GR(NamedTuple):
    """A resource without its version, as most errors name it: "deployments.apps"."""

    group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


class GVK(NamedTuple):
    """Group, version and kind: the type of an object."""

    group: str
    version: str
    kind: str

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> GVK:
        """Return the type an object says it has (empty parts where it says nothing)."""
        group, version = parse_api_version(obj.get("apiVersion") or "")
        return cls(group, version, obj.get("kind") or "")

    @property
    def api_version(self) -> str:
        """The value of the field `apiVersion`."""
        return format_api_version(self.group, self.version)

    @property
    def gk(self) -> GK:
        """The same without the version."""
        return GK(self.group, self.kind)

    def __str__(self) -> str:
        return f"{self.api_version}, Kind={self.kind}"


class GVR(NamedTuple):
    """Group, version and resource (plural): where objects of a type are served."""

    group: str
    version: str
    resource: str

    @property
    def api_version(self) -> str:
        """The value of the field `apiVersion`."""
        return format_api_version(self.group, self.version)

    @property
    def gr(self) -> GR:
        """The same without the version."""
        return GR(self.group, self.resource)

    def __str__(self) -> str:
        return f"{self.api_version}, Resource={self.resource}"
