"""Claims: bound ones tie the pod to their volume's nodes, waiting ones are bound where the pod goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES
from kubepy.client import ConnectionFailed
from kubepy.machinery import meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.scheduler.events import NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins import volume_matching as matching
from kubepy.scheduler.plugins.claims import (
    ClaimName,
    claim_names,
    is_bound,
    volume_of,
    waits_for_consumer,
)
from kubepy.scheduler.plugins.interface import (
    SKIP,
    Cycle,
    FilterPlugin,
    Handle,
    PreBindPlugin,
    Rejected,
    ReservePlugin,
    Status,
)
from kubepy.scheduler.plugins.volume_matching import NodeVolumes
from kubepy.scheduler.pod_info import PodInfo
from kubepy.util.clock import fail_after

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
BIND_TIMEOUT = 600.0
POLL = 0.5


@dataclass
class _Claims:
    """A pod's claims: the volumes of the bound ones, and those to bind."""

    volumes: list[Obj | None]
    unbound: list[Obj]


class VolumeBinding(FilterPlugin, ReservePlugin, PreBindPlugin):
    """``timeout``: how long a pod waits for its volumes once it has its node (bindTimeoutSeconds)."""

    name = "VolumeBinding"

    def __init__(self, handle: Handle, timeout: float = BIND_TIMEOUT) -> None:
        self._listers = handle.listers
        self._client = handle.client
        self._clock = handle.clock
        self._timeout = timeout
        self._taken: dict[str, str] = {}

    def interests(self) -> list[Interest]:
        both = Action.ADD | Action.UPDATE

        def uses(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            if new is None or meta.namespace(new) != pod.namespace:
                return False
            return meta.name(new) in [claim.name for claim in claim_names(pod.pod)]

        return [
            Interest("StorageClass", both),
            Interest("PersistentVolumeClaim", both, uses),
            Interest("PersistentVolume", both),
            Interest(NODE, Action.ADD | Action.UPDATE_NODE_LABEL),
            Interest("CSINode", both),
            Interest("CSIDriver", Action.UPDATE),
            Interest("CSIStorageCapacity", both),
        ]

    def prepare(self, cycle: Cycle) -> Any:
        names = claim_names(cycle.pod.pod)
        if not names:
            return SKIP
        state = _Claims([], [])
        immediate = False
        for name in names:
            claim = self._claim(cycle, name)
            if is_bound(claim):
                state.volumes.append(volume_of(claim, self._listers))
            elif not claim["spec"].get("volumeName") and waits_for_consumer(claim, self._listers):
                state.unbound.append(claim)
            else:
                immediate = True
        if immediate:
            raise _rejected("pod has unbound immediate PersistentVolumeClaims")
        return state

    def _claim(self, cycle: Cycle, name: ClaimName) -> Obj:
        """The claim, if the pod can use it; raises Rejected."""
        claim = self._listers.get(PERSISTENT_VOLUME_CLAIMS, name.name, cycle.pod.namespace)
        if claim is None:
            if name.ephemeral:
                raise _rejected(
                    "waiting for ephemeral volume controller to create the "
                    f'persistentvolumeclaim "{name.name}"'
                )
            raise _rejected(f'persistentvolumeclaim "{name.name}" not found')
        if (claim.get("status") or {}).get("phase") == "Lost":
            lost = claim["spec"].get("volumeName") or ""
            raise _rejected(
                f'persistentvolumeclaim "{name.name}" bound to non-existent persistentvolume "{lost}"'
            )
        if meta.is_terminating(claim):
            raise _rejected(f'persistentvolumeclaim "{name.name}" is being deleted')
        if name.ephemeral and not meta.is_controlled_by(claim, cycle.pod.pod):
            raise _rejected(
                f"PVC {cycle.pod.namespace}/{name.name} was not created for pod {cycle.pod.key} "
                "(pod is not owner)"
            )
        return claim

    def filter(self, cycle: Cycle, state: _Claims, node: NodeInfo) -> Status | None:
        found = self._find(state, node)
        return Status((found,), unresolvable=True) if isinstance(found, str) else None

    def _find(self, state: _Claims, node: NodeInfo) -> NodeVolumes | str:
        for volume in state.volumes:
            if volume is None:
                return matching.NO_VOLUME
            if not matching.fits_node(volume, node):
                return matching.NODE_CONFLICT
        if not state.unbound:
            return NodeVolumes()
        volumes = self._listers.list(PERSISTENT_VOLUMES)
        return matching.find(state.unbound, volumes, self._taken, node, self._listers)

    def reserve(self, cycle: Cycle, node: str) -> Status | None:
        state, info = self.prepare(cycle), cycle.cache.node(node)
        if state is SKIP or info is None:
            return None
        found = self._find(state, info)
        if isinstance(found, str):
            return Status((found,), unresolvable=True)
        for claim, volume in found.static:
            self._taken[meta.name(volume)] = meta.key(claim)
        cycle.notes[self.name] = found
        return None

    def unreserve(self, cycle: Cycle, node: str) -> None:
        found: NodeVolumes | None = cycle.notes.pop(self.name, None)
        for _, volume in found.static if found is not None else ():
            self._taken.pop(meta.name(volume), None)

    async def pre_bind(self, cycle: Cycle, node: str) -> Status | None:
        found: NodeVolumes | None = cycle.notes.get(self.name)
        if found is None or not (found.static or found.provision):
            return None
        try:
            for claim, volume in found.static:
                await self._reserve_volume(claim, volume)
            for claim in found.provision:
                await self._select_node(claim, node)
            with fail_after(self._clock, self._timeout):
                await self._until_bound(cycle, node)
        except (StatusError, ConnectionFailed) as error:
            return Status((f"binding volumes: {error}",))
        except TimeoutError:
            return Status(("binding volumes: context deadline exceeded",))
        except Rejected as error:
            return Status(tuple(f"binding volumes: {reason}" for reason in error.status.reasons))
        finally:
            for _, volume in found.static:
                self._taken.pop(meta.name(volume), None)
        return None

    async def _reserve_volume(self, claim: Obj, volume: Obj) -> None:
        """The volume's claimRef: with its resourceVersion, so that of two who want it one gets it."""
        if volume["spec"].get("claimRef", {}).get("uid") == meta.uid(claim):
            return
        reference = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": meta.namespace(claim),
            "name": meta.name(claim),
            "uid": meta.uid(claim),
            "resourceVersion": meta.resource_version(claim),
        }
        annotations = {**meta.annotations(volume), BOUND_BY_CONTROLLER: "yes"}
        changed = {
            **volume,
            "metadata": {**volume["metadata"], "annotations": annotations},
            "spec": {**volume["spec"], "claimRef": reference},
        }
        if self._client is not None:
            await self._client.update(PERSISTENT_VOLUMES, changed)

    async def _select_node(self, claim: Obj, node: str) -> None:
        """Ask the provisioner for a volume that the node can use."""
        if meta.annotations(claim).get(matching.SELECTED_NODE) == node or self._client is None:
            return
        change = {
            "metadata": {
                "uid": meta.uid(claim),
                "resourceVersion": meta.resource_version(claim),
                "annotations": {matching.SELECTED_NODE: node},
            }
        }
        await self._client.patch(
            PERSISTENT_VOLUME_CLAIMS, meta.name(claim), change, namespace=meta.namespace(claim)
        )

    async def _until_bound(self, cycle: Cycle, node: str) -> None:
        """Wait; raises Rejected when it has become impossible."""
        names = [name.name for name in claim_names(cycle.pod.pod)]
        asked: set[str] = set()
        while True:
            await self._clock.sleep(POLL)
            missing = False
            for name in names:
                claim = self._listers.get(PERSISTENT_VOLUME_CLAIMS, name, cycle.pod.namespace)
                if claim is None:
                    raise _rejected(f'persistentvolumeclaim "{name}" not found')
                if not is_bound(claim):
                    missing = True
                    selected = meta.annotations(claim).get(matching.SELECTED_NODE)
                    if selected == node:
                        asked.add(name)
                    elif name in asked:
                        # The provisioner has given up on this node.
                        raise _rejected(f'provisioning failed for PVC "{name}"')
                    continue
                volume, info = volume_of(claim, self._listers), cycle.cache.node(node)
                if volume is not None and info is not None and not matching.fits_node(volume, info):
                    raise _rejected(
                        f'pv "{meta.name(volume)}" node affinity doesn\'t match node "{node}": '
                        "no matching NodeSelectorTerms"
                    )
            if not missing:
                return


def _rejected(reason: str) -> Rejected:
    return Rejected(Status((reason,), unresolvable=True))
