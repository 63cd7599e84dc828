"""The built-in resources of v1.36 as data: what is served, under which names, with which subresources.

Scope, plural, short names, categories, verbs and subresources are Kubernetes' own; the fields of each kind
are in the schema package (see `schemas`), which importing this module does not load.
Everybody names resources by the constants at the end: `PODS`, `DEPLOYMENTS`, ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kubepy.machinery.gvk import GK, GR, GVK, GVR

STANDARD_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_NO_COLLECTION = ("create", "delete", "get", "list", "patch", "update", "watch")
_READ_WRITE = ("get", "patch", "update")
_PROXY_VERBS = ("create", "delete", "get", "patch", "update")
_SCALE = GVK("autoscaling", "v1", "Scale")


@dataclass(frozen=True, slots=True)
class Subresource:
    """One subresource: its name, the kind it speaks and its verbs."""

    name: str
    gvk: GVK
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as discovery shows it.

    `virtual` resources are never stored: a create is answered at once (reviews, Binding, Eviction).
    `storage_gvr` is where its objects rest: another version or group for the two kinds that are served
    under two names (events, horizontalpodautoscalers), itself for all others.
    `storage_path` is the key below /registry, as kube-apiserver lays it out. `custom`: a
    CustomResourceDefinition made it.
    """

    gvk: GVK
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    verbs: tuple[str, ...]
    subresources: tuple[Subresource, ...]
    virtual: bool
    storage_gvr: GVR
    storage_path: str
    list_kind: str
    custom: bool = False
    gvr: GVR = field(init=False)
    gr: GR = field(init=False)
    gk: GK = field(init=False)
    has_status: bool = field(init=False)  # status is written through its own subresource

    def __post_init__(self) -> None:
        # Asked for a dozen times a request: made once.
        group, version, kind = self.gvk
        object.__setattr__(self, "gvr", GVR(group, version, self.plural))
        object.__setattr__(self, "gr", GR(group, self.plural))
        object.__setattr__(self, "gk", GK(group, kind))
        object.__setattr__(self, "has_status", self.subresource("status") is not None)

    @property
    def kind(self) -> str:
        """The kind's name."""
        return self.gvk.kind

    @property
    def kind_list(self) -> str:
        """The kind of a list of them."""
        return self.list_kind

    def subresource(self, name: str) -> Subresource | None:
        """Return the subresource of that name, if the resource has it."""
        for subresource in self.subresources:
            if subresource.name == name:
                return subresource
        return None


_TABLE: list[Resource] = []


def _plural(kind: str) -> str:
    lower = kind.lower()
    if lower.endswith("s"):
        return lower if lower.endswith("endpoints") else f"{lower}es"
    return f"{lower[:-1]}ies" if lower.endswith("y") else f"{lower}s"


def _add(
    group: str,
    version: str,
    kind: str,
    *,
    namespaced: bool = True,
    short: str = "",
    categories: str = "",
    verbs: tuple[str, ...] = STANDARD_VERBS,
    sub: str = "",
    extra: tuple[Subresource, ...] = (),
    virtual: bool = False,
    stored_as: GVR | None = None,
    path: str = "",
) -> GVR:
    gvk = GVK(group, version, kind)
    plural = _plural(kind)
    subresources = [
        Subresource(name, _SCALE if name == "scale" else gvk, _READ_WRITE) for name in sub.split()
    ]
    resource = Resource(
        gvk=gvk,
        plural=plural,
        singular=kind.lower(),
        namespaced=namespaced,
        short_names=tuple(short.split()),
        categories=tuple(categories.split()),
        verbs=("create",) if virtual else verbs,
        subresources=tuple(sorted([*subresources, *extra], key=lambda s: s.name)),
        virtual=virtual,
        storage_gvr=stored_as or GVR(group, version, plural),
        storage_path=path or plural,
        list_kind=f"{kind}List",
    )
    _TABLE.append(resource)
    return resource.gvr


def _core(kind: str, verbs: tuple[str, ...], name: str) -> Subresource:
    return Subresource(name, GVK("", "v1", kind), verbs)


# Groups in the order in which kube-apiserver prefers them.
BINDINGS = _add("", "v1", "Binding", virtual=True)
COMPONENT_STATUSES = _add(
    "", "v1", "ComponentStatus", namespaced=False, short="cs", verbs=("get", "list"), path="componentstatuses"
)
CONFIG_MAPS = _add("", "v1", "ConfigMap", short="cm")
ENDPOINTS = _add("", "v1", "Endpoints", short="ep", path="services/endpoints")
EVENTS = _add("", "v1", "Event", short="ev")
LIMIT_RANGES = _add("", "v1", "LimitRange", short="limits")
NAMESPACES = _add(
    "",
    "v1",
    "Namespace",
    namespaced=False,
    short="ns",
    verbs=_NO_COLLECTION,
    sub="status",
    extra=(_core("Namespace", ("update",), "finalize"),),
)
NODES = _add(
    "",
    "v1",
    "Node",
    namespaced=False,
    short="no",
    sub="status",
    extra=(_core("NodeProxyOptions", _PROXY_VERBS, "proxy"),),
    path="minions",
)
PERSISTENT_VOLUME_CLAIMS = _add("", "v1", "PersistentVolumeClaim", short="pvc", sub="status")
PERSISTENT_VOLUMES = _add("", "v1", "PersistentVolume", namespaced=False, short="pv", sub="status")
PODS = _add(
    "",
    "v1",
    "Pod",
    short="po",
    categories="all",
    sub="status ephemeralcontainers resize",
    extra=(
        _core("PodAttachOptions", ("create", "get"), "attach"),
        _core("Binding", ("create",), "binding"),
        Subresource("eviction", GVK("policy", "v1", "Eviction"), ("create",)),
        _core("PodExecOptions", ("create", "get"), "exec"),
        _core("Pod", ("get",), "log"),
        _core("PodPortForwardOptions", ("create", "get"), "portforward"),
        _core("PodProxyOptions", _PROXY_VERBS, "proxy"),
    ),
)
POD_TEMPLATES = _add("", "v1", "PodTemplate")
REPLICATION_CONTROLLERS = _add(
    "", "v1", "ReplicationController", short="rc", categories="all", sub="scale status", path="controllers"
)
RESOURCE_QUOTAS = _add("", "v1", "ResourceQuota", short="quota", sub="status")
SECRETS = _add("", "v1", "Secret")
SERVICE_ACCOUNTS = _add(
    "",
    "v1",
    "ServiceAccount",
    short="sa",
    extra=(Subresource("token", GVK("authentication.k8s.io", "v1", "TokenRequest"), ("create",)),),
)
SERVICES = _add(
    "",
    "v1",
    "Service",
    short="svc",
    categories="all",
    sub="status",
    extra=(_core("ServiceProxyOptions", _PROXY_VERBS, "proxy"),),
    path="services/specs",
)

API_SERVICES = _add(
    "apiregistration.k8s.io",
    "v1",
    "APIService",
    namespaced=False,
    categories="api-extensions",
    sub="status",
    path="apiregistration.k8s.io/apiservices",
)

CONTROLLER_REVISIONS = _add("apps", "v1", "ControllerRevision")
DAEMON_SETS = _add("apps", "v1", "DaemonSet", short="ds", categories="all", sub="status")
DEPLOYMENTS = _add("apps", "v1", "Deployment", short="deploy", categories="all", sub="scale status")
REPLICA_SETS = _add("apps", "v1", "ReplicaSet", short="rs", categories="all", sub="scale status")
STATEFUL_SETS = _add("apps", "v1", "StatefulSet", short="sts", categories="all", sub="scale status")

EVENTS_V1 = _add("events.k8s.io", "v1", "Event", short="ev", stored_as=EVENTS)

SELF_SUBJECT_REVIEWS = _add(
    "authentication.k8s.io", "v1", "SelfSubjectReview", namespaced=False, virtual=True
)
TOKEN_REVIEWS = _add("authentication.k8s.io", "v1", "TokenReview", namespaced=False, virtual=True)

LOCAL_SUBJECT_ACCESS_REVIEWS = _add("authorization.k8s.io", "v1", "LocalSubjectAccessReview", virtual=True)
SELF_SUBJECT_ACCESS_REVIEWS = _add(
    "authorization.k8s.io", "v1", "SelfSubjectAccessReview", namespaced=False, virtual=True
)
SELF_SUBJECT_RULES_REVIEWS = _add(
    "authorization.k8s.io", "v1", "SelfSubjectRulesReview", namespaced=False, virtual=True
)
SUBJECT_ACCESS_REVIEWS = _add(
    "authorization.k8s.io", "v1", "SubjectAccessReview", namespaced=False, virtual=True
)

HPAS = _add("autoscaling", "v2", "HorizontalPodAutoscaler", short="hpa", categories="all", sub="status")
HPAS_V1 = _add(
    "autoscaling",
    "v1",
    "HorizontalPodAutoscaler",
    short="hpa",
    categories="all",
    sub="status",
    stored_as=HPAS,
)

CRON_JOBS = _add("batch", "v1", "CronJob", short="cj", categories="all", sub="status")
JOBS = _add("batch", "v1", "Job", categories="all", sub="status")

CSRS = _add(
    "certificates.k8s.io",
    "v1",
    "CertificateSigningRequest",
    namespaced=False,
    short="csr",
    sub="approval status",
)

INGRESS_CLASSES = _add("networking.k8s.io", "v1", "IngressClass", namespaced=False)
INGRESSES = _add("networking.k8s.io", "v1", "Ingress", short="ing", sub="status", path="ingress")
IP_ADDRESSES = _add("networking.k8s.io", "v1", "IPAddress", namespaced=False, short="ip")
NETWORK_POLICIES = _add("networking.k8s.io", "v1", "NetworkPolicy", short="netpol")
SERVICE_CIDRS = _add("networking.k8s.io", "v1", "ServiceCIDR", namespaced=False, sub="status")

POD_DISRUPTION_BUDGETS = _add("policy", "v1", "PodDisruptionBudget", short="pdb", sub="status")

CLUSTER_ROLE_BINDINGS = _add("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", namespaced=False)
CLUSTER_ROLES = _add("rbac.authorization.k8s.io", "v1", "ClusterRole", namespaced=False)
ROLE_BINDINGS = _add("rbac.authorization.k8s.io", "v1", "RoleBinding")
ROLES = _add("rbac.authorization.k8s.io", "v1", "Role")

CSI_DRIVERS = _add("storage.k8s.io", "v1", "CSIDriver", namespaced=False)
CSI_NODES = _add("storage.k8s.io", "v1", "CSINode", namespaced=False)
CSI_STORAGE_CAPACITIES = _add("storage.k8s.io", "v1", "CSIStorageCapacity")
STORAGE_CLASSES = _add("storage.k8s.io", "v1", "StorageClass", namespaced=False, short="sc")
VOLUME_ATTACHMENTS = _add("storage.k8s.io", "v1", "VolumeAttachment", namespaced=False, sub="status")
VOLUME_ATTRIBUTES_CLASSES = _add(
    "storage.k8s.io", "v1", "VolumeAttributesClass", namespaced=False, short="vac"
)

MUTATING_ADMISSION_POLICIES = _add(
    "admissionregistration.k8s.io",
    "v1",
    "MutatingAdmissionPolicy",
    namespaced=False,
    categories="api-extensions",
)
MUTATING_ADMISSION_POLICY_BINDINGS = _add(
    "admissionregistration.k8s.io",
    "v1",
    "MutatingAdmissionPolicyBinding",
    namespaced=False,
    categories="api-extensions",
)
MUTATING_WEBHOOK_CONFIGURATIONS = _add(
    "admissionregistration.k8s.io",
    "v1",
    "MutatingWebhookConfiguration",
    namespaced=False,
    categories="api-extensions",
)
VALIDATING_ADMISSION_POLICIES = _add(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicy",
    namespaced=False,
    categories="api-extensions",
    sub="status",
)
VALIDATING_ADMISSION_POLICY_BINDINGS = _add(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
    categories="api-extensions",
)
VALIDATING_WEBHOOK_CONFIGURATIONS = _add(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingWebhookConfiguration",
    namespaced=False,
    categories="api-extensions",
)

CRDS = _add(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    namespaced=False,
    short="crd crds",
    categories="api-extensions",
    sub="status",
    path="apiextensions.k8s.io/customresourcedefinitions",
)

PRIORITY_CLASSES = _add("scheduling.k8s.io", "v1", "PriorityClass", namespaced=False, short="pc")

LEASES = _add("coordination.k8s.io", "v1", "Lease")

RUNTIME_CLASSES = _add("node.k8s.io", "v1", "RuntimeClass", namespaced=False)

ENDPOINT_SLICES = _add("discovery.k8s.io", "v1", "EndpointSlice")

FLOW_SCHEMAS = _add("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema", namespaced=False, sub="status")
PRIORITY_LEVEL_CONFIGURATIONS = _add(
    "flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration", namespaced=False, sub="status"
)

DEVICE_CLASSES = _add("resource.k8s.io", "v1", "DeviceClass", namespaced=False)
RESOURCE_CLAIM_TEMPLATES = _add("resource.k8s.io", "v1", "ResourceClaimTemplate")
RESOURCE_CLAIMS = _add("resource.k8s.io", "v1", "ResourceClaim", sub="status")
RESOURCE_SLICES = _add("resource.k8s.io", "v1", "ResourceSlice", namespaced=False)

RESOURCES: tuple[Resource, ...] = tuple(_TABLE)
BY_GVR: dict[GVR, Resource] = {resource.gvr: resource for resource in RESOURCES}
BY_GVK: dict[GVK, Resource] = {resource.gvk: resource for resource in RESOURCES}
BY_NAME: dict[str, Resource] = {}
for _resource in RESOURCES:
    for _name in (_resource.plural, _resource.singular, *_resource.short_names):
        BY_NAME.setdefault(_name, _resource)


# What a client is told by a Warning header on every request for the resource.
DEPRECATIONS: dict[GVR, str] = {
    ENDPOINTS: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    COMPONENT_STATUSES: "v1 ComponentStatus is deprecated in v1.19+",
}


def groups() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each group with its versions, both in the server's order of preference."""
    versions: dict[str, dict[str, None]] = {}
    for resource in RESOURCES:
        versions.setdefault(resource.gvk.group, {})[resource.gvk.version] = None
    for group, known in versions.items():
        yield group, tuple(known)
