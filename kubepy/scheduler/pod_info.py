"""What scheduling wants to know of a pod, worked out once. Pure.

Pods of one template differ in name and uid only: what is derived from the rest is a `PodShape`, shared by
all of them and found by a signature, so that the 5,000th replica costs a look-up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import orjson

from kubepy.machinery import labels, meta
from kubepy.machinery.labels import Selector
from kubepy.machinery.meta import Obj
from kubepy.scheduler.resources import Resources, pod_requests

HostPort = tuple[str, str, int]
"""(protocol, host address, port)"""

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True)
class PodTerm:
    """A pod (anti-)affinity term, completed by its holder's namespace and labels.

    It speaks of pods that `selector` matches, in `namespaces` or one that `namespace_selector` matches.
    """

    topology_key: str
    selector: Selector
    namespaces: frozenset[str]
    namespace_selector: Selector | None
    weight: int = 1

    def matches(self, namespace: str, own: dict[str, str], namespace_labels: dict[str, str]) -> bool:
        """Whether it speaks of a pod with these labels in this namespace (which has those labels)."""
        inside = namespace in self.namespaces or (
            self.namespace_selector is not None and self.namespace_selector.matches(namespace_labels)
        )
        return inside and self.selector.matches(own)


@dataclass(frozen=True)
class SpreadConstraint:
    """A topologySpreadConstraint."""

    topology_key: str
    max_skew: int
    hard: bool
    selector: Selector
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False


@dataclass(eq=False)
class PodShape:
    """Everything that pods of one template share. Compared by identity: equal pods have the same one.

    `memo` is for what others derive from the shape and want to keep as long as it lives.
    """

    namespace: str
    labels: dict[str, str]
    requests: Resources
    non_zero_cpu: int
    non_zero_memory: int
    priority: int
    preempts: bool
    host_ports: tuple[HostPort, ...]
    node_selector: dict[str, str]
    node_affinity: Obj
    tolerations: list[Obj]
    images: tuple[str, ...]
    affinity: tuple[PodTerm, ...]
    anti_affinity: tuple[PodTerm, ...]
    preferred_affinity: tuple[PodTerm, ...]
    preferred_anti_affinity: tuple[PodTerm, ...]
    spread: tuple[SpreadConstraint, ...]
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def best_effort(self) -> bool:
        """It asks for nothing."""
        return not any(self.requests.values())


_SHAPES: WeakValueDictionary[bytes, PodShape] = WeakValueDictionary()


class PodInfo:
    """A pod as the API server has it, and its shape."""

    __slots__ = ("key", "pod", "shape", "terminating", "uid")

    def __init__(self, pod: Obj) -> None:
        metadata = pod["metadata"]
        self.pod = pod
        self.uid: str = metadata.get("uid") or ""
        self.key: str = meta.key(pod)
        self.terminating = bool(metadata.get("deletionTimestamp"))
        self.shape = shape_of(pod)

    @property
    def namespace(self) -> str:
        return self.shape.namespace

    @property
    def priority(self) -> int:
        return self.shape.priority

    @property
    def nominated_node(self) -> str:
        return (self.pod.get("status") or {}).get("nominatedNodeName") or ""


def shape_of(pod: Obj) -> PodShape:
    """The shape, made when it is the first of its kind."""
    signature = _signature(pod)
    shape = _SHAPES.get(signature)
    if shape is None:
        shape = _SHAPES[signature] = _shape(pod)
    return shape


def _signature(pod: Obj) -> bytes:
    spec, metadata = pod["spec"], pod["metadata"]
    read = spec.get
    fields = (
        metadata.get("namespace"),
        metadata.get("labels"),
        [_container(c) for c in read("containers") or ()],
        [_container(c) for c in read("initContainers") or ()],
        read("nodeSelector"),
        read("affinity"),
        read("tolerations"),
        read("topologySpreadConstraints"),
        read("priority"),
        read("preemptionPolicy"),
        read("overhead"),
        read("resources"),
        read("hostNetwork"),
    )
    return orjson.dumps(fields)


def _container(container: Obj) -> tuple[Any, ...]:
    read = container.get
    return read("resources"), read("ports"), read("image"), read("restartPolicy")


def _shape(pod: Obj) -> PodShape:
    spec = pod["spec"]
    affinity = spec.get("affinity") or {}
    namespace, own = meta.namespace(pod), meta.labels(pod)
    together, apart = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
    non_zero = pod_requests(pod, non_zero=True)
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return PodShape(
        namespace=namespace,
        labels=own,
        requests=pod_requests(pod),
        non_zero_cpu=non_zero.get("cpu", 0),
        non_zero_memory=non_zero.get("memory", 0),
        priority=int(spec.get("priority") or 0),
        preempts=spec.get("preemptionPolicy") != "Never",
        host_ports=tuple(_host_ports(spec)),
        node_selector=spec.get("nodeSelector") or {},
        node_affinity=affinity.get("nodeAffinity") or {},
        tolerations=spec.get("tolerations") or [],
        images=tuple(c["image"] for c in containers if c.get("image")),
        affinity=tuple(_term(t, namespace, own) for t in together.get(REQUIRED) or ()),
        anti_affinity=tuple(_term(t, namespace, own) for t in apart.get(REQUIRED) or ()),
        preferred_affinity=_weighted(together, namespace, own),
        preferred_anti_affinity=_weighted(apart, namespace, own),
        spread=tuple(_constraint(c, own) for c in spec.get("topologySpreadConstraints") or ()),
    )


def _weighted(affinity: Obj, namespace: str, own: dict[str, str]) -> tuple[PodTerm, ...]:
    preferred = affinity.get(PREFERRED) or ()
    return tuple(_term(p["podAffinityTerm"], namespace, own, p["weight"]) for p in preferred)


def _term(term: Obj, namespace: str, own: dict[str, str], weight: int = 1) -> PodTerm:
    """The term with labelSelector completed by matchLabelKeys and mismatchLabelKeys (KEP-3633)."""
    selector = term.get("labelSelector")
    keys, not_keys = term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ()
    if selector is not None and (keys or not_keys):
        expressions = list(selector.get("matchExpressions") or ())
        expressions += [{"key": k, "operator": "In", "values": [own[k]]} for k in keys if k in own]
        expressions += [{"key": k, "operator": "NotIn", "values": [own[k]]} for k in not_keys if k in own]
        selector = {**selector, "matchExpressions": expressions}
    namespaces, of_namespaces = term.get("namespaces") or (), term.get("namespaceSelector")
    if not namespaces and of_namespaces is None:
        namespaces = (namespace,)
    return PodTerm(
        term["topologyKey"],
        labels.from_label_selector(selector),
        frozenset(namespaces),
        None if of_namespaces is None else labels.from_label_selector(of_namespaces),
        weight,
    )


def _constraint(fields: Obj, own: dict[str, str]) -> SpreadConstraint:
    selector: Obj | None = fields.get("labelSelector")
    keys = [key for key in fields.get("matchLabelKeys") or () if key in own]
    if selector is not None and keys:
        expressions = list(selector.get("matchExpressions") or ())
        expressions += [{"key": k, "operator": "In", "values": [own[k]]} for k in keys]
        selector = {**selector, "matchExpressions": expressions}
    return SpreadConstraint(
        topology_key=fields["topologyKey"],
        max_skew=fields["maxSkew"],
        hard=fields["whenUnsatisfiable"] == "DoNotSchedule",
        selector=labels.from_label_selector(selector),
        min_domains=fields.get("minDomains") or 1,
        honor_affinity=fields.get("nodeAffinityPolicy", "Honor") == "Honor",
        honor_taints=fields.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )


def _host_ports(spec: Obj) -> list[HostPort]:
    """The host ports that a pod's containers want."""
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return [
        (port.get("protocol", "TCP"), port.get("hostIP") or "0.0.0.0", int(port["hostPort"]))
        for container in (*(spec.get("containers") or ()), *sidecars)
        for port in container.get("ports") or ()
        if port.get("hostPort")
    ]
