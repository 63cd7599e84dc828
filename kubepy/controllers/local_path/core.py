"""Folders as volumes: what a claim gets, and how what it held is removed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from kubepy.controllers.persistentvolume import binding
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj

PROVISIONER = "kubepy.io/local-path"
FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"
DEFAULT_PATH = "/var/lib/kubepy/local-path"
HOSTNAME = "kubernetes.io/hostname"
VOLUME_LABEL = "kubepy.io/local-path-volume"
CLEANER_NAMESPACE = "kube-system"
ONE_NODE = frozenset(("ReadWriteOnce", "ReadWriteOncePod"))
CLEANER_DEADLINE = 600


class Refused(Exception):
    """No volume can be made for the claim; the message says why."""


def volume_for(claim: Obj, storage_class: Obj, node: Obj) -> Obj:
    """The volume, a folder on ``node``, already reserved for ``claim``. Raises Refused."""
    spec = claim["spec"]
    if spec.get("volumeMode") == "Block":
        raise Refused("block volumes are not supported: a volume is a folder")
    if not set(spec.get("accessModes") or ()) <= ONE_NODE:
        raise Refused("only the access modes ReadWriteOnce and ReadWriteOncePod are supported")
    if spec.get("selector"):
        raise Refused("claim Selector is not supported")
    base = (storage_class.get("parameters") or {}).get("path") or DEFAULT_PATH
    name = f"pvc-{meta.uid(claim)}"
    policy = storage_class.get("reclaimPolicy") or "Delete"
    hostname = meta.labels(node).get(HOSTNAME) or meta.name(node)
    term = {"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": [hostname]}]}
    volume: Obj = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {binding.PROVISIONED_BY: PROVISIONER, binding.SELECTED_NODE: meta.name(node)},
        },
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": policy,
            "storageClassName": meta.name(storage_class),
            "hostPath": {"path": str(PurePosixPath(base) / name), "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": meta.namespace(claim),
                "name": meta.name(claim),
                "uid": meta.uid(claim),
                "resourceVersion": meta.resource_version(claim),
            },
        },
    }
    if policy == "Delete":
        volume["metadata"]["finalizers"] = [FINALIZER]
    return volume


def is_ours(volume: Obj) -> bool:
    return meta.annotations(volume).get(binding.PROVISIONED_BY) == PROVISIONER


def node_of(volume: Obj) -> str:
    return meta.annotations(volume).get(binding.SELECTED_NODE, "")


def choose_node(nodes: Iterable[Obj], volumes: Iterable[Obj]) -> Obj | None:
    """For a claim that does not wait for a pod: the node with the fewest volumes that pods can go to."""
    held: dict[str, int] = {}
    for volume in volumes:
        if is_ours(volume):
            held[node_of(volume)] = held.get(node_of(volume), 0) + 1
    fit = [node for node in nodes if _takes_pods(node)]
    return min(fit, key=lambda node: (held.get(meta.name(node), 0), meta.name(node)), default=None)


def _takes_pods(node: Obj) -> bool:
    spec = node.get("spec") or {}
    refused = any(taint["effect"] in ("NoSchedule", "NoExecute") for taint in spec.get("taints") or ())
    return conditions.is_true(node, "Ready") and not spec.get("unschedulable") and not refused


def cleaner(volume: Obj, image: str) -> Obj:
    """The pod that removes a volume's folder on its node. Raises Refused for a folder that is not ours."""
    name = meta.name(volume)
    path = PurePosixPath((volume["spec"].get("hostPath") or {}).get("path") or "/")
    if path.name != name or not path.is_absolute() or ".." in path.parts or len(path.parts) < 3:
        raise Refused(f"{path} is not a folder that {PROVISIONER} has made for {name}")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": cleaner_name(volume),
            "namespace": CLEANER_NAMESPACE,
            "labels": {VOLUME_LABEL: name},
        },
        "spec": {
            "nodeName": node_of(volume),
            "restartPolicy": "Never",
            "activeDeadlineSeconds": CLEANER_DEADLINE,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": "remove",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["rm", "-rf", "--", f"/volumes/{name}"],
                    "securityContext": {"runAsUser": 0},
                    "volumeMounts": [{"name": "volumes", "mountPath": "/volumes"}],
                }
            ],
            "volumes": [
                {"name": "volumes", "hostPath": {"path": str(path.parent), "type": "DirectoryOrCreate"}}
            ],
        },
    }


def cleaner_name(volume: Obj) -> str:
    return f"remove-{meta.name(volume)}"
