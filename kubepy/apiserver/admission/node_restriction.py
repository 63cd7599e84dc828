"""NodeRestriction: a kubelet writes only its own Node, its Lease, and the pods bound to it."""

from __future__ import annotations

from kubepy.api.resources import CSI_NODES, LEASES, NODES, PODS, SERVICE_ACCOUNTS
from kubepy.apiserver.admission.attributes import Attributes
from kubepy.apiserver.admission.chain import Plugin
from kubepy.apiserver.authentication.user import NODE_PREFIX
from kubepy.apiserver.authentication.user import NODES as NODES_GROUP
from kubepy.apiserver.authorization.node import references_of
from kubepy.apiserver.cacher import ResourceCache
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj

_MIRROR = "kubernetes.io/config.mirror"
_RESTRICTED_LABEL = "node-restriction.kubernetes.io"
_KUBELET_LABELS = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "node.kubernetes.io/instance-type",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
    }
)
_KUBELET_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")


class NodeRestriction(Plugin):
    """Refuses; only nodes are concerned."""

    resources = frozenset({CSI_NODES, LEASES, NODES, PODS, SERVICE_ACCOUNTS})
    operations = frozenset({"CREATE", "UPDATE", "DELETE"})

    def __init__(self, pods: ResourceCache) -> None:
        self._pods = pods

    def handles(self, attributes: Attributes) -> bool:
        """Writes of members of system:nodes."""
        return NODES_GROUP in attributes.user.groups and attributes.gvr in (
            CSI_NODES,
            LEASES,
            NODES,
            PODS,
            SERVICE_ACCOUNTS,
        )

    async def validate(self, attributes: Attributes) -> None:
        """Raise 403 for what is not the node's."""
        if not attributes.user.name.startswith(NODE_PREFIX):
            raise self._forbidden(attributes, f'could not determine node from user "{attributes.user.name}"')
        node = attributes.user.name.removeprefix(NODE_PREFIX)
        if attributes.gvr == PODS:
            self._check_pod(attributes, node)
        elif attributes.gvr == NODES:
            self._check_node(attributes, node)
        elif attributes.gvr == LEASES:
            self._check_lease(attributes, node)
        elif attributes.gvr == CSI_NODES:
            if attributes.name != node:
                raise self._forbidden(
                    attributes, "can only access CSINode with the same name as the requesting node"
                )
        elif attributes.subresource == "token":
            self._check_token(attributes, node)

    @staticmethod
    def _forbidden(attributes: Attributes, detail: str) -> errors.StatusError:
        return errors.forbidden(attributes.resource.gr, attributes.name, detail)

    def _check_pod(self, attributes: Attributes, node: str) -> None:
        if attributes.operation == "CREATE" and not attributes.subresource:
            pod = attributes.object
            if _MIRROR not in (pod["metadata"].get("annotations") or {}):
                detail = (
                    f'pod does not have "{_MIRROR}" annotation, node "{node}" can only create mirror pods'
                )
                raise self._forbidden(attributes, detail)
            if (pod.get("spec") or {}).get("nodeName") != node:
                detail = f'node "{node}" can only create pods with spec.nodeName set to itself'
                raise self._forbidden(attributes, detail)
            if (pod.get("spec") or {}).get("serviceAccountName"):
                detail = f"node {node} can not create pods that reference a service account"
                raise self._forbidden(attributes, detail)
            for resource in ("secrets", "configmaps", "persistentvolumeclaims"):
                if any(kind == resource for kind, _, _ in references_of(pod)):
                    detail = f'node "{node}" can not create pods that reference {resource}'
                    raise self._forbidden(attributes, detail)
            return
        old = attributes.old
        if attributes.subresource == "eviction":
            # The object of an eviction is not the pod: its name is the request's.
            found = self._pods.get(f"{attributes.namespace}/{attributes.name}")
            old = found.obj if found is not None else None
        bound_to = ((old or {}).get("spec") or {}).get("nodeName")
        if bound_to != node:
            verb = "update pod status for"
            if attributes.operation == "DELETE":
                verb = "delete"
            elif attributes.subresource == "eviction":
                verb = "evict"
            detail = f'node "{node}" can only {verb} pods with spec.nodeName set to itself'
            raise self._forbidden(attributes, detail)
        if attributes.subresource == "status" and _changed_labels(attributes.object, old):
            raise self._forbidden(attributes, f'node "{node}" cannot update labels through pod status')

    def _check_node(self, attributes: Attributes, node: str) -> None:
        if attributes.name != node:
            raise self._forbidden(
                attributes, f'node "{node}" is not allowed to modify node "{attributes.name}"'
            )
        if attributes.operation == "DELETE" or attributes.subresource:
            return
        obj, old = attributes.object, attributes.old
        if old is not None and (obj.get("spec") or {}).get("taints") != (old.get("spec") or {}).get("taints"):
            raise self._forbidden(attributes, f'node "{node}" is not allowed to modify taints')
        changed = _changed_labels(obj, old)
        forbidden = sorted(label for label in changed if _is_restricted(label))
        if forbidden:
            detail = f'node "{node}" is not allowed to modify labels: {", ".join(forbidden)}'
            raise self._forbidden(attributes, detail)

    def _check_lease(self, attributes: Attributes, node: str) -> None:
        if attributes.namespace != "kube-node-lease":
            detail = 'can only access leases in the "kube-node-lease" system namespace'
            raise self._forbidden(attributes, detail)
        if attributes.name != node:
            raise self._forbidden(
                attributes, "can only access node lease with the same name as the requesting node"
            )

    def _check_token(self, attributes: Attributes, node: str) -> None:
        reference = (attributes.object.get("spec") or {}).get("boundObjectRef") or {}
        if reference.get("kind") != "Pod" or not reference.get("name") or not reference.get("uid"):
            raise self._forbidden(attributes, "node requested token not bound to a pod")
        pod = self._pods.get(f"{attributes.namespace}/{reference['name']}")
        if pod is None or pod.obj["metadata"]["uid"] != reference["uid"]:
            raise self._forbidden(attributes, "node requested token bound to a pod that does not exist")
        if (pod.obj.get("spec") or {}).get("nodeName") != node:
            raise self._forbidden(
                attributes, "node requested token bound to a pod scheduled on a different node"
            )


def _changed_labels(obj: Obj, old: Obj | None) -> set[str]:
    now = obj["metadata"].get("labels") or {}
    before = (old or {}).get("metadata", {}).get("labels") or {}
    return {key for key in {*now, *before} if now.get(key) != before.get(key)}


def _is_restricted(label: str) -> bool:
    domain, slash, _ = label.partition("/")
    if not slash:
        return False
    if domain == _RESTRICTED_LABEL or domain.endswith(f".{_RESTRICTED_LABEL}"):
        return True
    if label in _KUBELET_LABELS or any(domain == p or domain.endswith(f".{p}") for p in _KUBELET_PREFIXES):
        return False
    return domain.endswith(("kubernetes.io", "k8s.io")) and (
        domain in ("kubernetes.io", "k8s.io") or domain.endswith((".kubernetes.io", ".k8s.io"))
    )
