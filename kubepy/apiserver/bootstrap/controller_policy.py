"""One ClusterRole per controller, bound to the account of its name in kube-system, as Kubernetes has them.

Here all controllers act as the user system:kube-controller-manager; the roles are for whoever runs one on its
own, with its account.
"""

from __future__ import annotations

from kubepy.apiserver.bootstrap.rules import AUTHORIZATION, EVENTS, RBAC, READ, binding, role, rule
from kubepy.machinery.meta import Obj

_PREFIX = "system:controller:"
_APPS = "apps"
_ALL = ["create", "delete", "get", "list", "patch", "update", "watch"]
_STATUS = ["update"]
_COORDINATED = ["get", "list", "update", "watch"]
_REVISIONS = rule(_ALL, _APPS, "controllerrevisions")
_DISCOVERY = "discovery.k8s.io"
_STORAGE = "storage.k8s.io"
_CSR = "certificates.k8s.io"

_RULES: dict[str, list[Obj]] = {
    "attachdetach-controller": [
        rule(["list", "watch"], "", "persistentvolumeclaims", "persistentvolumes"),
        rule(READ, "", "nodes"),
        rule(["patch", "update"], "", "nodes/status"),
        rule(["list", "watch"], "", "pods"),
        EVENTS,
        rule(["create", "delete", *READ], _STORAGE, "volumeattachments"),
        rule(READ, _STORAGE, "csidrivers"),
        rule(READ, _STORAGE, "csinodes"),
    ],
    "certificate-controller": [
        rule(["delete", *READ], _CSR, "certificatesigningrequests"),
        rule(["update"], _CSR, "certificatesigningrequests/approval", "certificatesigningrequests/status"),
        rule(["approve"], _CSR, "signers", names=["kubernetes.io/kube-apiserver-client-kubelet"]),
        rule(
            ["sign"],
            _CSR,
            "signers",
            names=[
                "kubernetes.io/kube-apiserver-client",
                "kubernetes.io/kube-apiserver-client-kubelet",
                "kubernetes.io/kubelet-serving",
                "kubernetes.io/legacy-unknown",
            ],
        ),
        rule(["create"], AUTHORIZATION, "subjectaccessreviews"),
        EVENTS,
    ],
    "clusterrole-aggregation-controller": [
        rule(
            ["escalate", "get", "list", "patch", "update", "watch"],
            RBAC,
            "clusterroles",
        )
    ],
    "cronjob-controller": [
        rule(_COORDINATED, "batch", "cronjobs"),
        rule(_ALL, "batch", "jobs"),
        rule(_STATUS, "batch", "cronjobs/status"),
        rule(_STATUS, "batch", "cronjobs/finalizers"),
        rule(["delete", "list"], "", "pods"),
        EVENTS,
    ],
    "daemon-set-controller": [
        rule(READ, _APPS, "daemonsets"),
        rule(_STATUS, _APPS, "daemonsets/status"),
        rule(_STATUS, _APPS, "daemonsets/finalizers"),
        rule(["list", "watch"], "", "nodes"),
        rule(["create", "delete", "list", "patch", "watch"], "", "pods"),
        rule(["create"], "", "pods/binding"),
        _REVISIONS,
        EVENTS,
    ],
    "deployment-controller": [
        rule(_COORDINATED, _APPS, "deployments"),
        rule(_STATUS, _APPS, "deployments/status"),
        rule(_STATUS, _APPS, "deployments/finalizers"),
        rule(_ALL, _APPS, "replicasets"),
        rule(_COORDINATED, "", "pods"),
        EVENTS,
    ],
    "disruption-controller": [
        rule(READ, _APPS, "deployments"),
        rule(READ, _APPS, "replicasets"),
        rule(READ, "", "replicationcontrollers"),
        rule(READ, "policy", "poddisruptionbudgets"),
        rule(READ, _APPS, "statefulsets"),
        rule(_STATUS, "policy", "poddisruptionbudgets/status"),
        rule(["patch", "update"], "", "pods/status"),
        rule(["get"], "*", "*/scale"),
        EVENTS,
    ],
    "endpoint-controller": [
        rule(READ, "", "pods", "services"),
        rule(["create", "delete", "get", "list", "update"], "", "endpoints"),
        rule(["create"], "", "endpoints/restricted"),
        EVENTS,
    ],
    "endpointslice-controller": [
        rule(READ, "", "nodes", "pods", "services"),
        rule(_STATUS, "", "services/finalizers"),
        rule(["create", "delete", "get", "list", "update"], _DISCOVERY, "endpointslices"),
        rule(["create"], _DISCOVERY, "endpointslices/restricted"),
        EVENTS,
    ],
    "endpointslicemirroring-controller": [
        rule(READ, "", "endpoints", "services"),
        rule(_STATUS, "", "services/finalizers"),
        rule(_STATUS, "", "endpoints/finalizers"),
        rule(["create", "delete", "get", "list", "update"], _DISCOVERY, "endpointslices"),
        rule(["create"], _DISCOVERY, "endpointslices/restricted"),
        EVENTS,
    ],
    "ephemeral-volume-controller": [
        rule(_STATUS, "", "pods/finalizers"),
        rule(READ, "", "pods"),
        rule(["create", *READ], "", "persistentvolumeclaims"),
        EVENTS,
    ],
    "expand-controller": [
        rule(["get", "list", "patch", "update", "watch"], "", "persistentvolumes"),
        rule(["patch", "update"], "", "persistentvolumeclaims/status"),
        rule(READ, "", "persistentvolumeclaims"),
        rule(READ, _STORAGE, "storageclasses"),
        rule(["get"], "", "endpoints", "services"),
        rule(["get"], "", "secrets"),
        EVENTS,
    ],
    "generic-garbage-collector": [
        rule(["delete", "get", "list", "patch", "update", "watch"], "*", "*"),
        EVENTS,
    ],
    "horizontal-pod-autoscaler": [
        rule(READ, "autoscaling", "horizontalpodautoscalers"),
        rule(_STATUS, "autoscaling", "horizontalpodautoscalers/status"),
        rule(["get", "update"], "*", "*/scale"),
        rule(["list"], "", "pods"),
        rule(["list"], "metrics.k8s.io", "pods"),
        rule(["get", "list"], "custom.metrics.k8s.io", "*"),
        rule(["get", "list"], "external.metrics.k8s.io", "*"),
        EVENTS,
    ],
    "job-controller": [
        rule(["get", "list", "patch", "update", "watch"], "batch", "jobs"),
        rule(["patch", "update"], "batch", "jobs/status"),
        rule(_STATUS, "batch", "jobs/finalizers"),
        rule(["create", "delete", "list", "patch", "watch"], "", "pods"),
        EVENTS,
    ],
    "legacy-service-account-token-cleaner": [
        rule(["get"], "", "configmaps", names=["kube-apiserver-legacy-service-account-token-tracking"]),
        rule(["delete", "patch"], "", "secrets"),
    ],
    "namespace-controller": [
        rule(["delete", *READ], "", "namespaces"),
        rule(_STATUS, "", "namespaces/finalize", "namespaces/status"),
        rule(["delete", "deletecollection", "get", "list"], "*", "*"),
    ],
    "node-controller": [
        rule(["delete", "get", "list", "patch", "update"], "", "nodes"),
        rule(["patch", "update"], "", "nodes/status"),
        rule(["patch", "update"], "", "pods/status"),
        rule(["delete", "get", "list"], "", "pods"),
        rule(_ALL, "networking.k8s.io", "clustercidrs"),
        EVENTS,
    ],
    "persistent-volume-binder": [
        rule(["create", "delete", *_COORDINATED], "", "persistentvolumes"),
        rule(_STATUS, "", "persistentvolumes/status"),
        rule(_COORDINATED, "", "persistentvolumeclaims"),
        rule(_STATUS, "", "persistentvolumeclaims/status"),
        rule(["create", "delete", *READ], "", "pods"),
        rule(READ, _STORAGE, "storageclasses"),
        rule(["create", "delete", "get", "update"], "", "endpoints", "services"),
        rule(["get", "list"], "", "secrets"),
        rule(["get", "list"], "", "nodes"),
        rule(["watch"], "", "events"),
        EVENTS,
    ],
    "pod-garbage-collector": [
        rule(["delete", "list", "watch"], "", "pods"),
        rule(["get", "list"], "", "nodes"),
        rule(["patch"], "", "pods/status"),
    ],
    "pv-protection-controller": [rule(_COORDINATED, "", "persistentvolumes"), EVENTS],
    "pvc-protection-controller": [
        rule(_COORDINATED, "", "persistentvolumeclaims"),
        rule(READ, "", "pods"),
        EVENTS,
    ],
    "replicaset-controller": [
        rule(_COORDINATED, _APPS, "replicasets"),
        rule(_STATUS, _APPS, "replicasets/status"),
        rule(_STATUS, _APPS, "replicasets/finalizers"),
        rule(["create", "delete", "list", "patch", "watch"], "", "pods"),
        EVENTS,
    ],
    "replication-controller": [
        rule(_COORDINATED, "", "replicationcontrollers"),
        rule(_STATUS, "", "replicationcontrollers/status"),
        rule(_STATUS, "", "replicationcontrollers/finalizers"),
        rule(["create", "delete", "list", "patch", "watch"], "", "pods"),
        EVENTS,
    ],
    "resource-claim-controller": [
        rule(_STATUS, "", "pods/finalizers"),
        rule(READ, "", "pods"),
        rule(READ, "resource.k8s.io", "resourceclaimtemplates"),
        rule(["create", "delete", *READ], "resource.k8s.io", "resourceclaims"),
        rule(["patch", "update"], "resource.k8s.io", "resourceclaims/status"),
        rule(["patch", "update"], "", "pods/status"),
        EVENTS,
    ],
    "resourcequota-controller": [
        rule(["list", "watch"], "*", "*"),
        rule(_STATUS, "", "resourcequotas/status"),
        EVENTS,
    ],
    "root-ca-cert-publisher": [rule(["create", "update"], "", "configmaps"), EVENTS],
    "route-controller": [rule(["list", "watch"], "", "nodes"), rule(["patch"], "", "nodes/status"), EVENTS],
    "service-account-controller": [rule(["create"], "", "serviceaccounts"), EVENTS],
    "service-cidrs-controller": [
        rule(["get", "list", "patch", "update", "watch"], "networking.k8s.io", "servicecidrs"),
        rule(["patch", "update"], "networking.k8s.io", "servicecidrs/finalizers"),
        rule(["patch", "update"], "networking.k8s.io", "servicecidrs/status"),
        rule(READ, "networking.k8s.io", "ipaddresses"),
        EVENTS,
    ],
    "service-controller": [
        rule(READ, "", "services"),
        rule(["patch", "update"], "", "services/status"),
        rule(["list", "watch"], "", "nodes"),
        EVENTS,
    ],
    "statefulset-controller": [
        rule(["list", "watch"], "", "pods"),
        rule(READ, _APPS, "statefulsets"),
        rule(_STATUS, _APPS, "statefulsets/status"),
        rule(_STATUS, _APPS, "statefulsets/finalizers"),
        rule(["create", "delete", "get", "patch", "update"], "", "pods"),
        _REVISIONS,
        rule(_ALL, "", "persistentvolumeclaims"),
        EVENTS,
    ],
    "taint-eviction-controller": [
        rule(["list", "watch"], "", "nodes"),
        rule(["delete", *READ], "", "pods"),
        rule(["patch", "update"], "", "pods/status"),
        EVENTS,
    ],
    "ttl-after-finished-controller": [rule(["delete", *READ], "batch", "jobs"), EVENTS],
    "ttl-controller": [rule(["list", "patch", "update", "watch"], "", "nodes"), EVENTS],
    "validatingadmissionpolicy-status-controller": [
        rule(READ, "admissionregistration.k8s.io", "validatingadmissionpolicies"),
        rule(
            ["get", "patch", "update"], "admissionregistration.k8s.io", "validatingadmissionpolicies/status"
        ),
        EVENTS,
    ],
}


def cluster_roles() -> list[Obj]:
    """All of them."""
    return [role(f"{_PREFIX}{name}", rules) for name, rules in _RULES.items()]


def cluster_role_bindings() -> list[Obj]:
    """Each role to its account."""
    return [binding(f"{_PREFIX}{name}", f"{_PREFIX}{name}", ("kube-system", name)) for name in _RULES]
