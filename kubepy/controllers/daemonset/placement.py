"""Where a DaemonSet's pods belong, and the pods that are pinned there. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kubepy.controllers.pods import pod_from_template
from kubepy.machinery import meta
from kubepy.machinery.labels import Requirement
from kubepy.machinery.meta import Obj
from kubepy.machinery.taints import tolerated

HASH_LABEL = "controller-revision-hash"
GENERATION_LABEL = "pod-template-generation"
GENERATION_ANNOTATION = "deprecated.daemonset.template.generation"
NODE_NAME_FIELD = "metadata.name"
OPERATORS = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "!",
    "Gt": "gt",
    "Lt": "lt",
}
TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
TOLERATED_ON_HOST_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")


class Placement(NamedTuple):
    """Whether a pod belongs on a node, and whether one that is there may stay."""

    should_run: bool
    may_stay: bool


def place(daemon_set: Obj, node: Obj) -> Placement:
    """Judge one node; taints keep new pods away, and only NoExecute drives out those that are there."""
    spec = daemon_set["spec"]["template"]["spec"]
    if spec.get("nodeName") not in (None, "", meta.name(node)) or not _selected(spec, node):
        return Placement(False, False)
    tolerations = _tolerations(spec)
    taints = (node.get("spec") or {}).get("taints") or ()
    refused = {t["effect"] for t in taints if not tolerated(t, tolerations)} & {"NoSchedule", "NoExecute"}
    return Placement(not refused, "NoExecute" not in refused)


def pod_for_node(daemon_set: Obj, node: str, digest: str) -> Obj:
    """The pod for a node: bound to it by affinity, so that the scheduler still has its say."""
    pod = pod_from_template(daemon_set, daemon_set["spec"]["template"])
    pod["metadata"]["labels"][HASH_LABEL] = digest
    if generation := meta.annotations(daemon_set).get(GENERATION_ANNOTATION):
        pod["metadata"]["labels"][GENERATION_LABEL] = generation
    spec = dict(pod["spec"])
    affinity = dict(spec.get("affinity") or {})
    here = {"matchFields": [{"key": NODE_NAME_FIELD, "operator": "In", "values": [node]}]}
    required = {"nodeSelectorTerms": [here]}
    affinity["nodeAffinity"] = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": required,
    }
    pod["spec"] = {**spec, "affinity": affinity, "tolerations": _tolerations(spec)}
    return pod


def node_of(pod: Obj) -> str:
    """The node a pod is on, or pinned to."""
    spec = pod.get("spec") or {}
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    for term in _required_terms(spec) or ():
        for field in term.get("matchFields") or ():
            if field["key"] == NODE_NAME_FIELD and field["operator"] == "In" and len(field["values"]) == 1:
                return str(field["values"][0])
    return ""


def _tolerations(spec: Obj) -> list[Obj]:
    found = list(spec.get("tolerations") or ())
    host = (TOLERATED_ON_HOST_NETWORK,) if spec.get("hostNetwork") else ()
    for key, effect in (*TOLERATED, *host):
        toleration = {"key": key, "operator": "Exists", "effect": effect}
        if toleration not in found:
            found.append(toleration)
    return found


def _required_terms(spec: Obj) -> list[Obj] | None:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return None if required is None else required.get("nodeSelectorTerms") or []


def _selected(spec: Obj, node: Obj) -> bool:
    node_labels = meta.labels(node)
    if not (spec.get("nodeSelector") or {}).items() <= node_labels.items():
        return False
    terms = _required_terms(spec)
    return terms is None or any(_matches(term, node) for term in terms)


def _matches(term: Obj, node: Obj) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return _all(expressions, meta.labels(node)) and _all(fields, {NODE_NAME_FIELD: meta.name(node)})


def _all(requirements: Iterable[Obj], values: dict[str, str]) -> bool:
    return all(
        Requirement(r["key"], OPERATORS[r["operator"]], tuple(r.get("values") or ())).matches(values)
        for r in requirements
    )
