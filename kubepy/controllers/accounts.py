"""As whom each controller writes: the service account in kube-system whose role says what it may.

As kube-controller-manager with --use-service-account-credentials, but by impersonation: requests are
authorized and audited as the account's. Reading is shared, and the controller-manager's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from kubepy.client import Client

NAMESPACE = "kube-system"
ACCOUNTS = {
    "certificatesigningrequest-approving-controller": "certificate-controller",
    "certificatesigningrequest-signing-controller": "certificate-controller",
    "certificatesigningrequest-cleaner-controller": "certificate-controller",
    "clusterrole-aggregation-controller": "clusterrole-aggregation-controller",
    "cronjob-controller": "cronjob-controller",
    "daemonset-controller": "daemon-set-controller",
    "disruption-controller": "disruption-controller",
    "endpoints-controller": "endpoint-controller",
    "endpointslice-controller": "endpointslice-controller",
    "endpointslice-mirroring-controller": "endpointslicemirroring-controller",
    "ephemeral-volume-controller": "ephemeral-volume-controller",
    "garbage-collector-controller": "generic-garbage-collector",
    "horizontal-pod-autoscaler-controller": "horizontal-pod-autoscaler",
    "job-controller": "job-controller",
    "namespace-controller": "namespace-controller",
    "node-ipam-controller": "node-controller",
    "node-lifecycle-controller": "node-controller",
    "persistentvolume-binder-controller": "persistent-volume-binder",
    "persistentvolume-protection-controller": "pv-protection-controller",
    "persistentvolumeclaim-protection-controller": "pvc-protection-controller",
    "pod-garbage-collector-controller": "pod-garbage-collector",
    "replicaset-controller": "replicaset-controller",
    "replicationcontroller-controller": "replication-controller",
    "resourcequota-controller": "resourcequota-controller",
    "root-ca-certificate-publisher-controller": "root-ca-cert-publisher",
    "serviceaccount-controller": "service-account-controller",
    "statefulset-controller": "statefulset-controller",
    "taint-eviction-controller": "taint-eviction-controller",
    "ttl-after-finished-controller": "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller": "validatingadmissionpolicy-status-controller",
}
"""By the names of controllers. Who is not here acts as the controller-manager itself: what Kubernetes has no
role for, and the Deployment controller, which patches the status that its role may only update."""


class Clients:
    """One client per account, made when it is asked for."""

    def __init__(self, own: Client, stack: AsyncExitStack, *, separate: bool) -> None:
        self._own = own
        self._stack = stack
        self._separate = separate
        self._made: dict[str, Client] = {}

    def of(self, controller: str) -> Client:
        """The client with which a controller writes."""
        account = ACCOUNTS.get(controller) if self._separate else None
        if account is None:
            return self._own
        if account not in self._made:
            config = replace(
                self._own.config,
                impersonate=f"system:serviceaccount:{NAMESPACE}:{account}",
                impersonate_groups=(
                    "system:serviceaccounts",
                    f"system:serviceaccounts:{NAMESPACE}",
                    "system:authenticated",
                ),
            )
            client = Client(config, user_agent=f"kubepy-controller-manager/{account}", clock=self._own.clock)
            self._stack.push_async_callback(client.aclose)
            self._made[account] = client
        return self._made[account]


@asynccontextmanager
async def clients(own: Client, *, separate: bool) -> AsyncIterator[Clients]:
    """Clients that are closed at the end of the block."""
    async with AsyncExitStack() as stack:
        yield Clients(own, stack, separate=separate)
