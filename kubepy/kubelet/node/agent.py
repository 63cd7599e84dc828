"""Registers the Node, keeps its status true and renews its Lease."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from kubepy.api import resources as r
from kubepy.client import Client, ConnectionFailed, EventRecorder
from kubepy.cni import conflist_present
from kubepy.cri import CRIError, ImageService, RuntimeService
from kubepy.kubelet.config import KubeletConfig
from kubepy.kubelet.node.facts import MachineFacts
from kubepy.kubelet.node.status import (
    RuntimeHealth,
    initial_node,
    may_set_itself,
    node_status,
    pod_cidrs,
    without_heartbeats,
)
from kubepy.machinery import conditions, errors, meta, timestamps
from kubepy.machinery.meta import Obj
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

LEASE_NAMESPACE = "kube-node-lease"
LEASE_RENEWAL = 10.0
REPORT_EVERY = 300.0  # an unchanged status is told this often; the Lease is the heartbeat
NOT_READY_PERIOD = 0.25  # a node that is starting should not lose seconds by looking seldom


class NodeAgent:
    """`node` gives this node as the API has it (cached), `problems` what else keeps it from being ready."""

    def __init__(
        self,
        config: KubeletConfig,
        client: Client,
        runtime: RuntimeService,
        images: ImageService,
        recorder: EventRecorder,
        facts: MachineFacts,
        clock: Clock,
        *,
        node: Callable[[], Obj | None],
        problems: Callable[[], list[str]],
    ) -> None:
        self._config = config
        self._client = client
        self._runtime = runtime
        self._images = images
        self._recorder = recorder
        self._facts = facts
        self._clock = clock
        self._node = node
        self._problems = problems
        self._reported_at = float("-inf")
        self._wake = anyio.Event()
        self.ready = False

    def node_changed(self) -> None:
        """Something that the status depends on has changed: look now."""
        self._wake.set()

    async def register(self) -> Obj:
        """Make the Node, or put ours right if it is there; tries until the API server takes it."""
        for label in self._config.node_labels:
            if not may_set_itself(label):
                log.warning("a kubelet may not give its node this label: an administrator must", label=label)
        backoff = Backoff(0.2, cap=7.0)
        while True:
            try:
                return await self._register_once()
            except (errors.StatusError, ConnectionFailed) as error:
                log.info("node not registered yet", error=str(error))
                await self._clock.sleep(backoff.next())

    async def run(self) -> None:
        """Keep status and Lease until cancelled; the Node must be registered."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_lease)
            group.start_soon(self._keep_status)

    async def _register_once(self) -> Obj:
        wanted = initial_node(self._config, self._facts)
        health = await self.health(None)
        wanted["status"] = node_status(wanted, self._config, self._facts, health, self._now())
        try:
            node = await self._client.create(r.NODES, wanted)
        except errors.StatusError as error:
            if not errors.is_already_exists(error):
                raise
        else:
            log.info("registered", node=self._config.node_name)
            return node
        node = await self._client.get(r.NODES, self._config.node_name)
        changes = {
            field: {k: v for k, v in values.items() if (node["metadata"].get(field) or {}).get(k) != v}
            for field, values in wanted["metadata"].items()
            if field in ("labels", "annotations")
        }
        if any(changes.values()):
            node = await self._client.patch(r.NODES, self._config.node_name, {"metadata": changes})
        return node

    async def health(self, node: Obj | None) -> RuntimeHealth:
        """How the runtime and the pod network are."""
        present = conflist_present(self._config.cni_conf_dir)
        cidr = next(iter(pod_cidrs(node or {})), "")
        problems = self._problems()
        try:
            version = await self._runtime.version()
            return RuntimeHealth(
                version,
                await self._runtime.status(),
                await self._images.list_images(),
                cidr,
                present,
                problems,
            )
        except CRIError as error:
            log.warning("container runtime does not answer", error=str(error))
            return RuntimeHealth(pod_cidr=cidr, conflist_present=present, problems=problems)

    async def _keep_status(self) -> None:
        while True:
            self._wake = anyio.Event()
            try:
                await self._update_status()
            except (errors.StatusError, ConnectionFailed) as error:
                log.warning("node status not told", error=str(error))
                if isinstance(error, errors.StatusError) and errors.is_not_found(error):
                    await self.register()
            period = self._config.node_status_update_frequency if self.ready else NOT_READY_PERIOD
            timer = self._clock.call_later(period, self._wake.set)
            await self._wake.wait()
            timer.cancel()

    async def _update_status(self) -> None:
        node = self._node() or await self._client.get(r.NODES, self._config.node_name)
        health = await self.health(node)
        status = node_status(node, self._config, self._facts, health, self._now())
        before = node.get("status") or {}
        changed = without_heartbeats(status) != {
            key: value for key, value in without_heartbeats(before).items() if key in status
        }
        if changed or self._clock.monotonic() - self._reported_at >= REPORT_EVERY:
            await self._client.patch(
                r.NODES,
                self._config.node_name,
                {"status": status | {"conditions": _told(status)}},
                type="strategic",
                subresource="status",
            )
            self._reported_at = self._clock.monotonic()
        ready = conditions.is_true(status["conditions"], "Ready")
        if ready != self.ready:
            self.ready = ready
            reason = "NodeReady" if ready else "NodeNotReady"
            message = f"Node {self._config.node_name} status is now: {reason}"
            self._recorder.event(node_reference(self._config.node_name), "Normal", reason, message)
            log.info("node readiness changed", ready=ready)

    async def _keep_lease(self) -> None:
        while True:
            try:
                await self._renew_lease()
            except (errors.StatusError, ConnectionFailed) as error:
                log.warning("lease not renewed", error=str(error))
                await self._clock.sleep(1.0)
                continue
            await self._clock.sleep(LEASE_RENEWAL)

    async def _renew_lease(self) -> None:
        name = self._config.node_name
        renewed = timestamps.rfc3339_micro(self._clock.time())
        try:
            await self._client.patch(
                r.LEASES, name, {"spec": {"renewTime": renewed}}, namespace=LEASE_NAMESPACE
            )
        except errors.StatusError as error:
            if not errors.is_not_found(error):
                raise
            node = await self._client.get(r.NODES, name)
            owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": meta.uid(node)}
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
                "spec": {
                    "holderIdentity": name,
                    "leaseDurationSeconds": self._config.node_lease_duration,
                    "renewTime": renewed,
                },
            }
            await self._client.create(r.LEASES, lease)

    def _now(self) -> str:
        return timestamps.rfc3339(self._clock.time())


def node_reference(name: str) -> Obj:
    """The node as kubelets name it in events: its uid is its name."""
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": name}}


def _told(status: Obj) -> list[Obj]:
    """The conditions that are the kubelet's to tell."""
    ours = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    return [c for c in status["conditions"] if c["type"] in ours]
