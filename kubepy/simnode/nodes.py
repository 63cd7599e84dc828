"""Node objects and their heartbeats."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

import anyio

from kubepy.api.resources import LEASES, NODES
from kubepy.client import Client, ConnectionFailed
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339, rfc3339_micro
from kubepy.simnode.addresses import AddressPool
from kubepy.simnode.config import SimNodeConfig
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
TICK = 1.0
SIMULATED = "simnode.kubepy.io/simulated"


class SimulatedKubelets:
    """What the kubelets of all simulated nodes do for the node: register it, and renew its lease.

    A node that has failed does neither; the controller-manager finds out as with any node.
    """

    def __init__(self, client: Client, clock: Clock, config: SimNodeConfig) -> None:
        self._client = client
        self._clock = clock
        self._config = config
        self._addresses = AddressPool(config.node_cidr)
        self._leases: dict[str, Obj] = {}
        self._uids: dict[str, str] = {}
        self.names = [f"{config.name_prefix}{number}" for number in range(config.nodes)]
        self._known = frozenset(self.names)
        self.failed: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def host_ip(self, name: str) -> str:
        return self._addresses.take(name)

    async def register(self) -> None:
        """Make all nodes, or take them over from an earlier run. Raises StatusError, ConnectionFailed."""
        await self._each(self.names, self._register)

    async def renew_leases(self) -> None:
        """Keep the nodes alive until cancelled: every tick some of them, so that the load is even."""
        interval = self._config.lease_interval
        ticks = max(1, min(int(interval / TICK), len(self.names)))
        for turn in itertools.count():
            due = [name for name in self.names[turn % ticks :: ticks] if name not in self.failed]
            await self._each(due, self._renew)
            await self._clock.sleep(interval / ticks)

    async def report_ready(self, name: str) -> None:
        """Tell that the node is well (again)."""
        node = await self._client.get(NODES, name)
        listed = [dict(c) for c in (node.get("status") or {}).get("conditions") or ()]
        now = rfc3339(self._clock.now())
        for condition in _conditions(now):
            conditions.set_condition(listed, condition, now)
            found = conditions.get(listed, condition["type"])
            if found is not None:
                found["lastHeartbeatTime"] = now
        await self._client.patch(NODES, name, {"status": {"conditions": listed}}, subresource="status")

    async def renew(self, name: str) -> None:
        """A heartbeat of one node, now."""
        await self._renew(name)

    async def _each(self, names: list[str], work: Callable[[str], Awaitable[None]]) -> None:
        """`work` for each, some at a time."""
        rest = iter(names)

        async def one_after_the_other() -> None:
            for name in rest:
                await work(name)

        async with anyio.create_task_group() as group:
            for _ in range(min(self._config.in_flight, len(names))):
                group.start_soon(one_after_the_other)

    async def _register(self, name: str) -> None:
        now = rfc3339(self._clock.now())
        number = int(name.removeprefix(self._config.name_prefix))
        wanted = node_object(name, number, self._config, self.host_ip(name), now)
        try:
            node = await self._client.create(NODES, wanted)
        except StatusError as error:
            if not errors.is_already_exists(error):
                raise
            node = await self._client.get(NODES, name)
            await self.report_ready(name)
        self._uids[name] = meta.uid(node)
        if self._config.clear_not_ready_taint:
            patch = {"spec": {"taints": self._config.taints or None}}
            await self._client.patch(NODES, name, patch)
        await self._renew(name)

    async def _renew(self, name: str) -> None:
        """A lease that is known costs one write; otherwise it is read, or made."""
        now = rfc3339_micro(self._clock.now())
        known = self._leases.get(name)
        try:
            if known is None:
                known = await self._find_or_make(name, now)
            known = {**known, "spec": {**known["spec"], "renewTime": now}}
            self._leases[name] = await self._client.update(LEASES, known)
        except (StatusError, ConnectionFailed) as error:
            self._leases.pop(name, None)
            log.info("lease not renewed", node=name, error=str(error))

    async def _find_or_make(self, name: str, now: str) -> Obj:
        try:
            return await self._client.get(LEASES, name, namespace=LEASE_NAMESPACE)
        except StatusError as error:
            if not errors.is_not_found(error):
                raise
        owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": self._uids.get(name, "")}
        spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
        return await self._client.create(
            LEASES,
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
                "spec": spec,
            },
        )


def node_object(name: str, number: int, config: SimNodeConfig, address: str, now: str) -> Obj:
    """The Node that a kubelet would register. Pure."""
    capacity = {"cpu": config.cpu, "memory": config.memory, "pods": str(config.max_pods)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/region": "simulated",
                "topology.kubernetes.io/zone": f"zone-{number % config.zones}",
                SIMULATED: "true",
                **config.labels,
            },
        },
        "spec": {"taints": config.taints} if config.taints else {},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [
                {**c, "lastHeartbeatTime": now, "lastTransitionTime": now} for c in _conditions(now)
            ],
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {
                "machineID": name,
                "systemUUID": name,
                "bootID": name,
                "kernelVersion": "simulated",
                "osImage": "simulated",
                "containerRuntimeVersion": "simulated://0",
                "kubeletVersion": "v1.36.0-simulated",
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }


def _conditions(now: str) -> list[Obj]:
    pressures = (
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    )
    return [
        *({"type": t, "status": "False", "reason": r, "message": m} for t, r, m in pressures),
        {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
        },
    ]
