"""The Node authorizer: a kubelet reads what its own pods refer to, and nothing of other nodes' pods.

References from pods to secrets, config maps, claims and accounts are counted as pods come and go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from anyio.lowlevel import checkpoint

from kubepy.apiserver.authentication.user import NODE_PREFIX, NODES, User
from kubepy.apiserver.authorization.attributes import Attributes
from kubepy.apiserver.authorization.rbac import Rule
from kubepy.apiserver.cacher import CacheEvent, Entry, ResourceCache
from kubepy.machinery.meta import Obj

_NODE_NAME = b'"nodeName":'
_SLICE = 50
_NODE_LEASES = "kube-node-lease"
_READ = ("get", "list", "watch")
_COUNTED = ("secrets", "configmaps", "persistentvolumeclaims", "serviceaccounts")
_VOLUME_SECRETS = {
    "csi": ("nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"),
    "cephfs": ("secretRef",),
    "flexVolume": ("secretRef",),
    "iscsi": ("secretRef",),
    "rbd": ("secretRef",),
    "scaleIO": ("secretRef",),
    "storageos": ("secretRef",),
}
Reference = tuple[str, str, str]  # resource, namespace, name


def references_of(pod: Obj) -> set[Reference]:
    """What a kubelet must read to run the pod."""
    namespace, spec = pod["metadata"].get("namespace", ""), pod.get("spec") or {}
    found: set[Reference] = set()

    def add(resource: str, name: str | None) -> None:
        if name:
            found.add((resource, namespace, name))

    add("pods", pod["metadata"].get("name"))
    add("serviceaccounts", spec.get("serviceAccountName"))
    for secret in spec.get("imagePullSecrets") or ():
        add("secrets", secret.get("name"))
    for volume in spec.get("volumes") or ():
        _add_volume(volume, pod, add)
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(field) or ():
            for source in container.get("envFrom") or ():
                add("configmaps", (source.get("configMapRef") or {}).get("name"))
                add("secrets", (source.get("secretRef") or {}).get("name"))
            for variable in container.get("env") or ():
                value = variable.get("valueFrom") or {}
                add("configmaps", (value.get("configMapKeyRef") or {}).get("name"))
                add("secrets", (value.get("secretKeyRef") or {}).get("name"))
    return found


def _add_volume(volume: Obj, pod: Obj, add: object) -> None:
    assert callable(add)
    add("secrets", (volume.get("secret") or {}).get("secretName"))
    add("configmaps", (volume.get("configMap") or {}).get("name"))
    add("persistentvolumeclaims", (volume.get("persistentVolumeClaim") or {}).get("claimName"))
    if "ephemeral" in volume:
        add("persistentvolumeclaims", f"{pod['metadata']['name']}-{volume['name']}")
    for kind in ("csi", "flexVolume", "cephfs", "rbd", "iscsi"):
        source = volume.get(kind) or {}
        reference = source.get("nodePublishSecretRef") or source.get("secretRef") or {}
        add("secrets", reference.get("name"))
    for source in (volume.get("projected") or {}).get("sources") or ():
        add("secrets", (source.get("secret") or {}).get("name"))
        add("configmaps", (source.get("configMap") or {}).get("name"))


def _secrets_of(volume: Obj) -> set[tuple[str, str]]:
    """The secrets that mounting a PersistentVolume takes, by namespace and name."""
    own = (volume.get("claimRef") or {}).get("namespace", "")
    found: set[tuple[str, str]] = set()
    for kind, fields in _VOLUME_SECRETS.items():
        for field in fields:
            reference = (volume.get(kind) or {}).get(field) or {}
            if reference.get("name"):
                found.add((reference.get("namespace") or own, reference["name"]))
    return found


class NodeAuthorizer:
    """No opinion about anybody who is no node."""

    def __init__(self, rules: Sequence[Obj]) -> None:
        self._rules = [Rule.of(rule) for rule in rules]
        self._nodes: dict[Reference, dict[str, int]] = defaultdict(dict)
        self._pods: ResourceCache | None = None
        self._claims: ResourceCache | None = None
        self._volumes: ResourceCache | None = None
        self._attachments: ResourceCache | None = None
        self._uncounted: dict[str, Entry] = {}  # pods of the beginning that nobody has asked about yet

    def follow(
        self,
        pods: ResourceCache,
        claims: ResourceCache,
        volumes: ResourceCache,
        attachments: ResourceCache,
    ) -> None:
        """Take the pods there are, and every change."""
        self._attachments = attachments
        self._pods, self._claims, self._volumes = pods, claims, volumes
        self._uncounted = dict(pods.entries)  # reading thousands of pods would keep the server from starting
        pods.add_listener(self._changed)

    async def count_in_idle_time(self) -> None:
        """Read the pods there were, a few at a time, so that the first question need not wait for all."""
        while self._uncounted:
            self._count_more(_SLICE)
            await checkpoint()

    def _count_more(self, number: int) -> None:
        for _ in range(min(number, len(self._uncounted))):
            self._count(self._uncounted.popitem()[1], +1)

    def _changed(self, event: CacheEvent) -> None:
        if event.previous is not None and self._uncounted.pop(event.entry.key, None) is None:
            self._count(event.previous, -1)
        if event.type != "DELETED":
            self._count(event.entry, +1)

    def _count(self, entry: Entry, by: int) -> None:
        if _NODE_NAME not in entry.data:
            return  # most changes of a pod without a node are its creation: not worth parsing it again
        node = (entry.obj.get("spec") or {}).get("nodeName")
        if not node:
            return
        for reference in references_of(entry.obj):
            nodes = self._nodes[reference]
            nodes[node] = nodes.get(node, 0) + by
            if nodes[node] <= 0:
                del nodes[node]
                if not nodes:
                    del self._nodes[reference]

    def authorize(self, user: User, wanted: Attributes) -> tuple[bool | None, str]:
        """(True, False or None for no opinion; why)."""
        if NODES not in user.groups or not user.name.startswith(NODE_PREFIX):
            return None, ""
        node = user.name.removeprefix(NODE_PREFIX)
        if not wanted.group and not wanted.path:
            if wanted.resource in ("secrets", "configmaps"):
                return self._read_named(node, wanted)
            if wanted.resource == "persistentvolumeclaims" and not wanted.subresource:
                return self._read_named(node, wanted)
            if wanted.resource == "persistentvolumes":
                return self._read_volume(node, wanted)
            if wanted.resource == "serviceaccounts":
                return self._token(node, wanted)
            if wanted.resource == "pods" and not wanted.subresource and wanted.verb in _READ:
                return self._read_pods(node, wanted)
        if wanted.group == "coordination.k8s.io" and wanted.resource == "leases":
            return self._own(node, wanted, _NODE_LEASES)
        if wanted.group == "storage.k8s.io" and wanted.resource == "volumeattachments":
            return self._read_attachment(node, wanted)
        if wanted.group == "storage.k8s.io" and wanted.resource == "csinodes":
            return self._own(node, wanted, "")
        if any(rule.allows(wanted) for rule in self._rules):
            return True, ""
        return None, ""

    def _related(self, node: str, reference: Reference) -> bool:
        if self._uncounted:
            self._count_more(len(self._uncounted))
        return node in self._nodes.get(reference, ())

    def _unrelated(self, node: str) -> tuple[None, str]:
        return None, f"no relationship found between node '{node}' and this object"

    def _read_named(self, node: str, wanted: Attributes) -> tuple[bool | None, str]:
        verbs = _READ if wanted.resource != "persistentvolumeclaims" else ("get",)
        if wanted.verb not in verbs or wanted.subresource:
            return None, "can only read resources of this type"
        if not wanted.namespace:
            return None, "can only read namespaced object of this type"
        if not wanted.name:
            return None, "No Object name found"
        if self._related(node, (wanted.resource, wanted.namespace, wanted.name)):
            return True, ""
        if wanted.resource == "secrets" and self._mounts_with(node, wanted.namespace, wanted.name):
            return True, ""
        return self._unrelated(node)

    def _mounts_with(self, node: str, namespace: str, name: str) -> bool:
        """Tell whether a volume of one of the node's pods needs the secret to be mounted."""
        for entry in self._volumes.entries.values() if self._volumes is not None else ():
            spec = entry.obj.get("spec") or {}
            claim = spec.get("claimRef") or {}
            if (namespace, name) in _secrets_of(spec) and self._related(
                node, ("persistentvolumeclaims", claim.get("namespace", ""), claim.get("name", ""))
            ):
                return True
        return False

    def _read_attachment(self, node: str, wanted: Attributes) -> tuple[bool | None, str]:
        if wanted.verb != "get" or wanted.subresource:
            return None, "can only get individual resources of this type"
        entry = self._attachments.get(wanted.name) if self._attachments is not None else None
        if entry is not None and (entry.obj.get("spec") or {}).get("nodeName") == node:
            return True, ""
        return self._unrelated(node)

    def _read_pods(self, node: str, wanted: Attributes) -> tuple[bool | None, str]:
        if wanted.verb == "get":
            # That a pod is gone is no secret, and how its kubelet learns of it.
            gone = self._pods is not None and self._pods.get(f"{wanted.namespace}/{wanted.name}") is None
            if gone or self._related(node, ("pods", wanted.namespace, wanted.name)):
                return True, ""
            return self._unrelated(node)
        own = (f"spec.nodeName={node}", f"spec.nodeName=={node}")
        if any(term in own for term in wanted.selector.split(",")):
            return True, ""
        return None, "can only list/watch pods with spec.nodeName field selector"

    def _read_volume(self, node: str, wanted: Attributes) -> tuple[bool | None, str]:
        if wanted.verb != "get" or wanted.subresource:
            return None, "can only get individual resources of this type"
        for claim in self._claims_of(wanted.name):
            if self._related(node, ("persistentvolumeclaims", *claim)):
                return True, ""
        return self._unrelated(node)

    def _claims_of(self, volume: str) -> Iterator[tuple[str, str]]:
        entry = self._volumes.get(volume) if self._volumes is not None else None
        reference = ((entry.obj.get("spec") or {}).get("claimRef") or {}) if entry is not None else {}
        if reference:
            yield reference.get("namespace", ""), reference.get("name", "")

    def _token(self, node: str, wanted: Attributes) -> tuple[bool | None, str]:
        if wanted.verb != "create" or wanted.subresource != "token":
            return None, "can only create tokens for individual service accounts"
        if self._related(node, ("serviceaccounts", wanted.namespace, wanted.name)):
            return True, ""
        return self._unrelated(node)

    @staticmethod
    def _own(node: str, wanted: Attributes, namespace: str) -> tuple[bool | None, str]:
        if wanted.verb not in ("get", "create", "update", "patch", "delete"):
            return None, "can only get, create, update, patch, or delete a node lease"
        if wanted.namespace != namespace:
            return None, f'can only access leases in the "{_NODE_LEASES}" system namespace'
        if wanted.verb != "create" and wanted.name != node:
            return None, "can only access node lease with the same name as the requesting node"
        return True, ""
