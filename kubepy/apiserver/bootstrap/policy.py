"""The default ClusterRoles and bindings of Kubernetes (its rbac/bootstrappolicy) as data.

Those of single controllers are in `controller_policy`.
"""

from __future__ import annotations

from kubepy.apiserver.bootstrap.rules import (
    AGGREGATE,
    AUTHENTICATION,
    AUTHORIZATION,
    EVENTS,
    RBAC,
    READ,
    READ_WRITE,
    WRITE,
    binding,
    role,
    rule,
    urls,
)
from kubepy.machinery.meta import Obj

_VIEWED_CORE = (
    "configmaps",
    "endpoints",
    "persistentvolumeclaims",
    "persistentvolumeclaims/status",
    "pods",
    "replicationcontrollers",
    "replicationcontrollers/scale",
    "serviceaccounts",
    "services",
    "services/status",
)
_STATUS_CORE = (
    "bindings",
    "events",
    "limitranges",
    "namespaces/status",
    "pods/log",
    "pods/status",
    "replicationcontrollers/status",
    "resourcequotas",
    "resourcequotas/status",
)
_VIEWED_APPS = (
    "controllerrevisions",
    "daemonsets",
    "daemonsets/status",
    "deployments",
    "deployments/scale",
    "deployments/status",
    "replicasets",
    "replicasets/scale",
    "replicasets/status",
    "statefulsets",
    "statefulsets/scale",
    "statefulsets/status",
)
_EDITED_APPS = (
    "daemonsets",
    "deployments",
    "deployments/rollback",
    "deployments/scale",
    "replicasets",
    "replicasets/scale",
    "statefulsets",
    "statefulsets/scale",
)

_VIEW = [
    rule(READ, "", *_VIEWED_CORE),
    rule(READ, "", *_STATUS_CORE),
    rule(READ, "", "namespaces"),
    rule(READ, "discovery.k8s.io", "endpointslices"),
    rule(READ, "apps", *_VIEWED_APPS),
    rule(READ, "autoscaling", "horizontalpodautoscalers", "horizontalpodautoscalers/status"),
    rule(READ, "batch", "cronjobs", "cronjobs/status", "jobs", "jobs/status"),
    rule(READ, "policy", "poddisruptionbudgets", "poddisruptionbudgets/status"),
    rule(READ, "networking.k8s.io", "ingresses", "ingresses/status", "networkpolicies"),
    rule(READ, "resource.k8s.io", "resourceclaims", "resourceclaims/status", "resourceclaimtemplates"),
]
_EDIT = [
    rule(READ, "", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"),
    rule(["impersonate"], "", "serviceaccounts"),
    rule(WRITE, "", "pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"),
    rule(["create"], "", "pods/eviction"),
    rule(
        WRITE,
        "",
        "configmaps",
        "events",
        "persistentvolumeclaims",
        "replicationcontrollers",
        "replicationcontrollers/scale",
        "secrets",
        "serviceaccounts",
        "services",
        "services/proxy",
    ),
    rule(["create"], "", "serviceaccounts/token"),
    rule(WRITE, "apps", *_EDITED_APPS),
    rule(WRITE, "autoscaling", "horizontalpodautoscalers"),
    rule(WRITE, "batch", "cronjobs", "jobs"),
    rule(WRITE, "policy", "poddisruptionbudgets"),
    rule(WRITE, "networking.k8s.io", "ingresses", "networkpolicies"),
    rule(READ_WRITE, "coordination.k8s.io", "leases"),
    rule(WRITE, "resource.k8s.io", "resourceclaims", "resourceclaimtemplates"),
]
_ADMIN = [
    rule(["create"], AUTHORIZATION, "localsubjectaccessreviews"),
    rule(READ_WRITE, RBAC, "roles", "rolebindings"),
]

_SCHEDULER = [
    EVENTS,
    rule(["create"], "coordination.k8s.io", "leases"),
    rule(["get", "list", "update", "watch"], "coordination.k8s.io", "leases", names=["kube-scheduler"]),
    rule(READ, "coordination.k8s.io", "leases"),
    rule(READ, "", "nodes"),
    rule(["delete", *READ], "", "pods"),
    rule(["create"], "", "bindings", "pods/binding"),
    rule(["patch", "update"], "", "pods/status"),
    rule(READ, "", "replicationcontrollers", "services", "namespaces"),
    rule(READ, "apps", "replicasets", "statefulsets"),
    rule(READ, "policy", "poddisruptionbudgets"),
    rule(["patch", "update", *READ], "", "persistentvolumeclaims", "persistentvolumes"),
    rule(["create"], AUTHENTICATION, "tokenreviews"),
    rule(["create"], AUTHORIZATION, "subjectaccessreviews"),
    rule(READ, "storage.k8s.io", "csidrivers", "csinodes", "csistoragecapacities", "storageclasses"),
    rule(READ, "storage.k8s.io", "volumeattachments"),
    rule(READ, "resource.k8s.io", "deviceclasses", "resourceslices"),
    rule(["patch", "update", *READ], "resource.k8s.io", "resourceclaims", "resourceclaims/status"),
    rule(READ, "scheduling.k8s.io", "priorityclasses"),
]
_CONTROLLER_MANAGER = [
    rule(["*"], ["*"], "*"),
    urls("*", verbs=["*"]),
]
NODE_RULES = [
    rule(["create"], AUTHENTICATION, "tokenreviews"),
    rule(["create"], AUTHORIZATION, "localsubjectaccessreviews", "subjectaccessreviews"),
    rule(READ, "", "services"),
    rule(["create", *READ], "", "nodes"),
    rule(["patch", "update"], "", "nodes/status"),
    rule(["patch", "update"], "", "nodes"),
    rule(["create", "patch", "update"], "", "events"),
    rule(READ, "", "pods"),
    rule(["create", "delete"], "", "pods"),
    rule(["patch", "update"], "", "pods/status"),
    rule(["create"], "", "pods/eviction"),
    rule(READ, "", "configmaps", "secrets"),
    rule(["get"], "", "persistentvolumeclaims", "persistentvolumes"),
    rule(["get"], "", "endpoints"),
    rule(["create", *READ], "certificates.k8s.io", "certificatesigningrequests"),
    rule(["create", "delete", "get", "patch", "update"], "coordination.k8s.io", "leases"),
    rule(["get"], "storage.k8s.io", "volumeattachments"),
    rule(["create"], "", "serviceaccounts/token"),
    rule(["get", "patch", "update"], "", "persistentvolumeclaims/status"),
    rule(READ, "storage.k8s.io", "csidrivers"),
    rule(["create", "delete", "get", "patch", "update"], "storage.k8s.io", "csinodes"),
    rule(READ, "node.k8s.io", "runtimeclasses"),
    rule(["get"], "resource.k8s.io", "resourceclaims"),
    rule(["deletecollection"], "resource.k8s.io", "resourceslices"),
]
_PROXIER = [
    rule(["list", "watch"], "", "endpoints", "services"),
    rule(READ, "", "nodes"),
    rule(["list", "watch"], "discovery.k8s.io", "endpointslices"),
    rule(["list", "watch"], "networking.k8s.io", "servicecidrs"),
    EVENTS,
]


def cluster_roles() -> list[Obj]:
    """All of them."""
    everything = [rule(["*"], "*", "*"), urls("*", verbs=["*"])]
    return [
        role("cluster-admin", everything),
        role("admin", [], aggregates="admin"),
        role("edit", [], aggregates="edit", labels={f"{AGGREGATE}admin": "true"}),
        role("view", [], aggregates="view", labels={f"{AGGREGATE}edit": "true"}),
        role("system:aggregate-to-admin", _ADMIN, labels={f"{AGGREGATE}admin": "true"}),
        role("system:aggregate-to-edit", _EDIT, labels={f"{AGGREGATE}edit": "true"}),
        role("system:aggregate-to-view", _VIEW, labels={f"{AGGREGATE}view": "true"}),
        role(
            "system:discovery",
            [
                urls(
                    "/api",
                    "/api/*",
                    "/apis",
                    "/apis/*",
                    "/healthz",
                    "/livez",
                    "/openapi",
                    "/openapi/*",
                    "/readyz",
                    "/version",
                    "/version/",
                )
            ],
        ),
        role(
            "system:monitoring",
            [
                urls(
                    "/healthz",
                    "/healthz/*",
                    "/livez",
                    "/livez/*",
                    "/metrics",
                    "/metrics/slis",
                    "/readyz",
                    "/readyz/*",
                )
            ],
        ),
        role("system:public-info-viewer", [urls("/healthz", "/livez", "/readyz", "/version", "/version/")]),
        role(
            "system:basic-user",
            [
                rule(["create"], AUTHORIZATION, "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
                rule(["create"], AUTHENTICATION, "selfsubjectreviews"),
            ],
        ),
        role("system:heapster", [rule(READ, "", "events", "namespaces", "nodes", "pods")]),
        role("system:node", NODE_RULES),
        role("system:node-proxier", _PROXIER),
        role(
            "system:node-problem-detector",
            [rule(["get"], "", "nodes"), rule(["patch"], "", "nodes/status"), EVENTS],
        ),
        role("system:kube-scheduler", _SCHEDULER),
        role("system:kube-controller-manager", _CONTROLLER_MANAGER),
        role(
            "system:kube-dns",
            [
                rule(["list", "watch"], "", "endpoints", "services"),
                rule(["list", "watch"], "discovery.k8s.io", "endpointslices"),
                rule(["list", "watch"], "", "namespaces", "pods"),
            ],
        ),
        role(
            "system:persistent-volume-provisioner",
            [
                rule(["create", "delete", *READ], "", "persistentvolumes"),
                rule(["update", *READ], "", "persistentvolumeclaims"),
                rule(READ, "storage.k8s.io", "storageclasses"),
                rule(["watch"], "", "events"),
                EVENTS,
            ],
        ),
        role(
            "system:auth-delegator",
            [
                rule(["create"], AUTHENTICATION, "tokenreviews"),
                rule(["create"], AUTHORIZATION, "subjectaccessreviews"),
            ],
        ),
        role("system:kube-aggregator", [rule(READ, "", "endpoints", "services")]),
        role(
            "system:kubelet-api-admin",
            [
                rule(READ, "", "nodes"),
                rule(["proxy"], "", "nodes"),
                rule(["*"], "", "nodes/log", "nodes/metrics", "nodes/proxy", "nodes/stats"),
            ],
        ),
        role(
            "system:node-bootstrapper",
            [
                rule(["create", *READ], "certificates.k8s.io", "certificatesigningrequests"),
            ],
        ),
        role(
            "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
            [
                rule(["create"], "certificates.k8s.io", "certificatesigningrequests/nodeclient"),
            ],
        ),
        role(
            "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            [
                rule(["create"], "certificates.k8s.io", "certificatesigningrequests/selfnodeclient"),
            ],
        ),
        role(
            "system:certificates.k8s.io:kube-apiserver-client-approver",
            [
                rule(
                    ["approve"],
                    "certificates.k8s.io",
                    "signers",
                    names=["kubernetes.io/kube-apiserver-client"],
                ),
            ],
        ),
        role(
            "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
            [
                rule(
                    ["approve"],
                    "certificates.k8s.io",
                    "signers",
                    names=["kubernetes.io/kube-apiserver-client-kubelet"],
                ),
            ],
        ),
        role(
            "system:certificates.k8s.io:kubelet-serving-approver",
            [
                rule(["approve"], "certificates.k8s.io", "signers", names=["kubernetes.io/kubelet-serving"]),
            ],
        ),
        role(
            "system:service-account-issuer-discovery",
            [
                urls(
                    "/.well-known/openid-configuration",
                    "/.well-known/openid-configuration/",
                    "/openid/v1/jwks",
                    "/openid/v1/jwks/",
                ),
            ],
        ),
    ]


def cluster_role_bindings() -> list[Obj]:
    """All of them."""
    authenticated, unauthenticated = ("Group", "system:authenticated"), ("Group", "system:unauthenticated")
    return [
        binding("cluster-admin", "cluster-admin", ("Group", "system:masters")),
        binding("system:monitoring", "system:monitoring", ("Group", "system:monitoring")),
        binding("system:discovery", "system:discovery", authenticated),
        binding("system:public-info-viewer", "system:public-info-viewer", authenticated, unauthenticated),
        binding("system:basic-user", "system:basic-user", authenticated),
        binding("system:node-proxier", "system:node-proxier", ("User", "system:kube-proxy")),
        binding("system:kube-scheduler", "system:kube-scheduler", ("User", "system:kube-scheduler")),
        binding(
            "system:kube-controller-manager",
            "system:kube-controller-manager",
            ("User", "system:kube-controller-manager"),
        ),
        binding("system:kube-dns", "system:kube-dns", ("kube-system", "kube-dns")),
        binding(
            "system:service-account-issuer-discovery",
            "system:service-account-issuer-discovery",
            ("Group", "system:serviceaccounts"),
        ),
    ]
