"""What the kubelet writes on sandboxes and containers, and reads again after a restart."""

from __future__ import annotations

import hashlib
import json

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"

HASH = "io.kubernetes.container.hash"
RESTART_COUNT = "io.kubernetes.container.restartCount"
TERMINATION_MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath"
TERMINATION_MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy"
PRE_STOP = "io.kubernetes.container.preStopHandler"
GRACE_PERIOD = "io.kubernetes.pod.terminationGracePeriod"
CONFIG_SOURCE = "kubernetes.io/config.source"


def pod_labels(pod: Obj) -> dict[str, str]:
    """The labels of a sandbox: the pod's own and who it is."""
    return meta.labels(pod) | identity(pod)


def identity(pod: Obj) -> dict[str, str]:
    return {POD_NAME: meta.name(pod), POD_NAMESPACE: meta.namespace(pod), POD_UID: meta.uid(pod)}


def container_labels(pod: Obj, container: Obj) -> dict[str, str]:
    return identity(pod) | {CONTAINER_NAME: container["name"]}


def container_annotations(pod: Obj, container: Obj, restart_count: int) -> dict[str, str]:
    """What must be known of a container when the pod's spec is not at hand any more."""
    spec = pod.get("spec") or {}
    annotations = {
        HASH: container_hash(container),
        RESTART_COUNT: str(restart_count),
        TERMINATION_MESSAGE_PATH: container.get("terminationMessagePath") or "/dev/termination-log",
        TERMINATION_MESSAGE_POLICY: container.get("terminationMessagePolicy") or "File",
        GRACE_PERIOD: str(spec.get("terminationGracePeriodSeconds", 30)),
    }
    pre_stop = (container.get("lifecycle") or {}).get("preStop")
    if pre_stop:
        annotations[PRE_STOP] = json.dumps(pre_stop)
    return annotations


def container_hash(container: Obj) -> str:
    """Changes when a running container must be replaced: with its image, the only thing that may change."""
    identity = f"{container['name']}\0{container.get('image') or ''}"
    return hashlib.sha256(identity.encode()).hexdigest()[:8]
