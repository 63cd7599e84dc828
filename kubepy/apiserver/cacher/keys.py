"""Where objects lie in the storage, as kube-apiserver lays them out: /registry/pods/NS/NAME.

A resource's part of the key is `Resource.storage_path`: one segment ("pods", "minions") or two
("services/specs", and GROUP/PLURAL of custom resources).
"""

from __future__ import annotations

from kubepy.api.resources import RESOURCES, Resource

ROOT = "/registry/"
_TWO_SEGMENTS = frozenset(r.storage_path.partition("/")[0] for r in RESOURCES if "/" in r.storage_path) | {
    "ranges"
}


def prefix(resource: Resource) -> str:
    """The part of a resource: "pods/", "services/specs/"."""
    return f"{resource.storage_path}/"


def split(key: str) -> tuple[str, str]:
    """A storage key into the resource's prefix and the object's "namespace/name" or "name"."""
    head, _, rest = key[len(ROOT) :].partition("/")
    if "." in head or head in _TWO_SEGMENTS:  # a custom resource's group has a dot
        second, _, rest = rest.partition("/")
        return f"{head}/{second}/", rest
    return f"{head}/", rest
