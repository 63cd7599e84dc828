"""Which volumes a pod's unbound claims would get on a node. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kubepy.api.resources import CSI_DRIVERS, CSI_STORAGE_CAPACITIES
from kubepy.machinery import labels, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.claims import class_of
from kubepy.scheduler.plugins.interface import Listers
from kubepy.scheduler.plugins.node_affinity import matches_terms

NO_PROVISIONER = "kubernetes.io/no-provisioner"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind"
NOT_ENOUGH_SPACE = "node(s) did not have enough free storage"
NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"


@dataclass
class NodeVolumes:
    """What binding the pod's claims on a node means: (claim, volume) to bind, claims to provision."""

    static: list[tuple[Obj, Obj]] = field(default_factory=list)
    provision: list[Obj] = field(default_factory=list)


def fits_node(volume: Obj, node: NodeInfo) -> bool:
    """Whether the volume can be used on the node."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    return required is None or matches_terms(required.get("nodeSelectorTerms") or (), node.labels, node.name)


def find(
    unbound: list[Obj], volumes: Iterable[Obj], taken: dict[str, str], node: NodeInfo, listers: Listers
) -> NodeVolumes | str:
    """Volumes for these claims on the node, or the reason why not.

    `taken`: volumes that pods on their way to a node will have, with the claim's key.
    """
    found = NodeVolumes()
    free = list(volumes)
    chosen: set[str] = set()
    for claim in sorted(unbound, key=_request):
        selected = meta.annotations(claim).get(SELECTED_NODE)
        if selected is not None:
            if selected != node.name:
                return BIND_CONFLICT
            found.provision.append(claim)
            continue
        volume = _best(claim, free, chosen, taken, node)
        if volume is not None:
            chosen.add(meta.name(volume))
            found.static.append((claim, volume))
            continue
        reason = _cannot_provision(claim, node, listers)
        if reason is not None:
            return reason
        found.provision.append(claim)
    return found


def _best(
    claim: Obj, volumes: list[Obj], chosen: set[str], taken: dict[str, str], node: NodeInfo
) -> Obj | None:
    """The volume reserved for the claim, or the smallest one that suits."""
    best: Obj | None = None
    for volume in volumes:
        name = meta.name(volume)
        if name in chosen or taken.get(name, meta.key(claim)) != meta.key(claim):
            continue
        reference = volume["spec"].get("claimRef")
        if reference is not None:
            mine = (reference.get("namespace"), reference.get("name")) == (
                meta.namespace(claim),
                meta.name(claim),
            ) and reference.get("uid") in (None, "", meta.uid(claim))
            if mine and _suits(claim, volume) and fits_node(volume, node):
                return volume
            continue
        available = (volume.get("status") or {}).get("phase") == "Available"
        if not available or meta.is_terminating(volume) or not _suits(claim, volume):
            continue
        if fits_node(volume, node) and (best is None or _capacity(volume) < _capacity(best)):
            best = volume
    return best


def _suits(claim: Obj, volume: Obj) -> bool:
    """Whether size, modes, class and labels are what the claim asks for."""
    wanted, offered = claim["spec"], volume["spec"]
    selector = wanted.get("selector")
    return (
        (wanted.get("storageClassName") or "") == (offered.get("storageClassName") or "")
        and (wanted.get("volumeMode") or "Filesystem") == (offered.get("volumeMode") or "Filesystem")
        and set(wanted.get("accessModes") or ()) <= set(offered.get("accessModes") or ())
        and wanted.get("volumeAttributesClassName") == offered.get("volumeAttributesClassName")
        and (selector is None or labels.from_label_selector(selector).matches(meta.labels(volume)))
        and _capacity(volume) >= _request(claim)
    )


def _cannot_provision(claim: Obj, node: NodeInfo, listers: Listers) -> str | None:
    storage_class = class_of(claim, listers)
    provisioner = (storage_class or {}).get("provisioner") or NO_PROVISIONER
    if storage_class is None or provisioner == NO_PROVISIONER:
        return BIND_CONFLICT
    topologies = storage_class.get("allowedTopologies")
    if topologies and not any(_within(term, node) for term in topologies):
        return BIND_CONFLICT
    driver = listers.get(CSI_DRIVERS, provisioner)
    if driver is None or not (driver.get("spec") or {}).get("storageCapacity"):
        return None
    enough = any(
        capacity.get("storageClassName") == meta.name(storage_class) and _holds(capacity, claim, node)
        for capacity in listers.list(CSI_STORAGE_CAPACITIES)
    )
    return None if enough else NOT_ENOUGH_SPACE


def _within(term: Obj, node: NodeInfo) -> bool:
    listed = term.get("matchLabelExpressions") or ()
    return all(node.labels.get(e["key"]) in (e.get("values") or ()) for e in listed)


def _holds(capacity: Obj, claim: Obj, node: NodeInfo) -> bool:
    most = capacity.get("maximumVolumeSize") or capacity.get("capacity")
    if most is None or Quantity.parse(most) < _request(claim):
        return False
    return labels.from_label_selector(capacity.get("nodeTopology")).matches(node.labels)


def _request(claim: Obj) -> Quantity:
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return Quantity.parse(requests.get("storage", "0"))


def _capacity(volume: Obj) -> Quantity:
    return Quantity.parse((volume["spec"].get("capacity") or {}).get("storage", "0"))
