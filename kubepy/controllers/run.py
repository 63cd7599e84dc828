"""The controller-manager as a process: builds the controllers, and runs them while it leads."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace

import anyio

from kubepy.client import Client, ClientConfig, EventRecorder, LeaderElector
from kubepy.controllers import cluster_role_aggregation, lease_garbage, pod_gc
from kubepy.controllers.accounts import Clients
from kubepy.controllers.accounts import clients as separate_clients
from kubepy.controllers.admission_policy import controller as admission_policy
from kubepy.controllers.bootstrap import cleaner as token_cleaner
from kubepy.controllers.bootstrap import signer as bootstrap_signer
from kubepy.controllers.certificates import approver as certificate_approver
from kubepy.controllers.certificates import cleaner as certificate_cleaner
from kubepy.controllers.certificates import signer as certificate_signer
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.controllers.context import Context
from kubepy.controllers.cronjob import controller as cronjob
from kubepy.controllers.daemonset import controller as daemonset
from kubepy.controllers.deployment import controller as deployment
from kubepy.controllers.disruption import controller as disruption
from kubepy.controllers.endpointslice import controller as endpointslice
from kubepy.controllers.endpointslice import mirroring as endpointslice_mirroring
from kubepy.controllers.garbagecollector.controller import GarbageCollector
from kubepy.controllers.job import controller as job
from kubepy.controllers.local_path import controller as local_path
from kubepy.controllers.namespace import lifecycle as namespace
from kubepy.controllers.namespace import root_ca, service_account
from kubepy.controllers.node import ipam, taint_eviction
from kubepy.controllers.node import lifecycle as node_lifecycle
from kubepy.controllers.persistentvolume import controller as persistentvolume
from kubepy.controllers.podautoscaler import controller as podautoscaler
from kubepy.controllers.replicaset import controller as replicaset
from kubepy.controllers.replicationcontroller import controller as replicationcontroller
from kubepy.controllers.resource_quota import controller as resource_quota
from kubepy.controllers.serviceaccount_token import controller as serviceaccount_token
from kubepy.controllers.statefulset import controller as statefulset
from kubepy.controllers.ttl_after_finished import controller as ttl_after_finished
from kubepy.controllers.volume import ephemeral, protection
from kubepy.operator import Controller, Manager
from kubepy.util.clock import Clock

LEASE = ("kube-system", "kube-controller-manager")
GARBAGE_COLLECTOR = "garbage-collector-controller"

BUILDERS: dict[str, Callable[[Context], Controller | None]] = {
    "namespace-controller": namespace.new,
    "serviceaccount-controller": service_account.new,
    "serviceaccount-token-controller": serviceaccount_token.new,
    "token-cleaner-controller": token_cleaner.new,
    "bootstrap-signer-controller": bootstrap_signer.new,
    "root-ca-certificate-publisher-controller": root_ca.new,
    "clusterrole-aggregation-controller": cluster_role_aggregation.new,
    "validatingadmissionpolicy-status-controller": admission_policy.new,
    "certificatesigningrequest-approving-controller": certificate_approver.new,
    "certificatesigningrequest-signing-controller": certificate_signer.new,
    "certificatesigningrequest-cleaner-controller": certificate_cleaner.new,
    "deployment-controller": deployment.new,
    "replicaset-controller": replicaset.new,
    "replicationcontroller-controller": replicationcontroller.new,
    "job-controller": job.new,
    "ttl-after-finished-controller": ttl_after_finished.new,
    "cronjob-controller": cronjob.new,
    "disruption-controller": disruption.new,
    "horizontal-pod-autoscaler-controller": podautoscaler.new,
    "resourcequota-controller": resource_quota.new,
    "daemonset-controller": daemonset.new,
    "statefulset-controller": statefulset.new,
    "endpointslice-controller": endpointslice.new_slices,
    "endpoints-controller": endpointslice.new_endpoints,
    "endpointslice-mirroring-controller": endpointslice_mirroring.new,
    "node-ipam-controller": ipam.new,
    "node-lifecycle-controller": node_lifecycle.new,
    "taint-eviction-controller": taint_eviction.new,
    "pod-garbage-collector-controller": pod_gc.new,
    "lease-garbage-collector-controller": lease_garbage.new,
    "persistentvolume-binder-controller": persistentvolume.new,
    "ephemeral-volume-controller": ephemeral.new,
    "local-path-provisioner-controller": local_path.new,
    "persistentvolumeclaim-protection-controller": protection.new_for_claims,
    "persistentvolume-protection-controller": protection.new_for_volumes,
}
"""By the names that kube-controller-manager's --controllers takes."""

EVENT_SOURCES = {
    "persistentvolume-binder-controller": "persistentvolume-controller",
    "ephemeral-volume-controller": "ephemeral_volume",
    "local-path-provisioner-controller": "kubepy.io/local-path",
    "replicationcontroller-controller": "replication-controller",
    "disruption-controller": "controllermanager",
    "horizontal-pod-autoscaler-controller": "horizontal-pod-autoscaler",
    "node-lifecycle-controller": "node-controller",
    "node-ipam-controller": "cidrAllocator",
    "endpointslice-controller": "endpoint-slice-controller",
    "endpoints-controller": "endpoint-controller",
    "endpointslice-mirroring-controller": "endpoint-slice-mirroring-controller",
}
"""Who events are said to come from, where that is not the controller's name."""


def enabled(name: str, selection: list[str]) -> bool:
    """Whether ``--controllers`` selects a controller: "*" all, "-NAME" not this one."""
    if name in selection:
        return True
    return f"-{name}" not in selection and "*" in selection


def build(
    manager: Manager,
    config: ControllerManagerConfig,
    recorders: list[EventRecorder],
    clients: Clients | None = None,
    *,
    share_caches: bool = False,
) -> GarbageCollector | None:
    """Put the enabled controllers into ``manager``, and the recorders to run beside it into ``recorders``.

    Each writes with its own client of ``clients``, with the manager's without them. With ``share_caches`` the
    garbage collector has none of its own.
    """
    client, clock = manager.client, manager.clock
    context = Context(client, manager.factory, manager.recorder, clock, config)
    for name, builder in BUILDERS.items():
        if not enabled(name, config.controllers):
            continue
        own = clients.of(name) if clients is not None else client
        recorder = EventRecorder(own, EVENT_SOURCES.get(name, name), clock=clock)
        recorders.append(recorder)
        controller = builder(replace(context, client=own, recorder=recorder))
        if controller is not None:
            manager.add(controller)
    if not enabled(GARBAGE_COLLECTOR, config.controllers):
        return None
    own = clients.of(GARBAGE_COLLECTOR) if clients is not None else client
    collector = GarbageCollector(replace(context, client=own), own_caches=not share_caches)
    manager.add(collector.controller)
    return collector


async def run(config: ControllerManagerConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Run the controllers until cancelled; raises LeadershipLost when the lease is lost.

    ``ready`` is called when the caches have synced: then they work, or would at once if this process led.
    """
    client_config = ClientConfig.from_kubeconfig(config.kubeconfig)
    async with (
        Client(client_config, user_agent="kubepy-controller-manager", clock=clock) as client,
        separate_clients(client, separate=config.use_service_account_credentials) as clients,
    ):
        elector = None
        if config.leader_elect:
            identity = f"{socket.gethostname()}_{os.getpid()}"
            elector = LeaderElector(
                client,
                *LEASE,
                identity,
                clock,
                lease_duration=config.leader_elect_lease_duration,
                renew_deadline=config.leader_elect_renew_deadline,
                retry_period=config.leader_elect_retry_period,
            )
        manager = Manager(client, clock, recorder_component="controllermanager", leader_elector=elector)
        recorders: list[EventRecorder] = []
        collector = build(manager, config, recorders, clients)

        async def say_ready() -> None:
            await manager.factory.wait_for_sync()
            ready()

        async with anyio.create_task_group() as group:
            group.start_soon(say_ready)
            for recorder in recorders:
                group.start_soon(recorder.run)
            if collector is not None:
                group.start_soon(collector.run)
            await manager.run()
            group.cancel_scope.cancel()
