"""Validation of storage, networking, policies, quotas, nodes, events, flow control and devices."""

from typing import Any

import pytest

from kubepy.api.scheme import SCHEME
from tests.api.objects import check, check_update, made

Obj = dict[str, Any]


def cluster(api_version: str, kind: str, name: str = "x", **fields: Any) -> Obj:
    return made(api_version, kind, namespaced=False, name=name, **fields)


def claim(size: str = "1Gi", **spec: Any) -> Obj:
    resources = {"requests": {"storage": size}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": resources, **spec}
    return made("v1", "PersistentVolumeClaim", spec=spec)


def persistent_volume(**spec: Any) -> Obj:
    base = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    return cluster("v1", "PersistentVolume", spec={**base, **spec})


def storage(kind: str, **fields: Any) -> Obj:
    return cluster("storage.k8s.io/v1", kind, **fields)


def networking(kind: str, **spec: Any) -> Obj:
    return made("networking.k8s.io/v1", kind, spec=spec)


def quota(**spec: Any) -> Obj:
    return made("v1", "ResourceQuota", spec=spec)


def limits(**item: Any) -> Obj:
    return made("v1", "LimitRange", spec={"limits": [item]})


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (claim("0"), ['spec.resources[storage]: Invalid value: "0": must be greater than zero']),
        (claim(accessModes=["ReadWriteOncePod", "ReadOnlyMany"]), [
            "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"
        ]),
        (claim(dataSource={"kind": "Thing", "name": "a"}), [
            "spec.dataSource: Invalid value: \"Thing\": "
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
            "spec.dataSourceRef: Invalid value: \"Thing\": "
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        ]),
        (persistent_volume(), ["spec: Required value: must specify a volume type"]),
        (persistent_volume(local={"path": "/d"}, hostPath={"path": "/"}), [
            "spec.local: Forbidden: may not specify more than 1 volume type"
        ]),
        (persistent_volume(local={"path": "/d"}), [
            "spec.nodeAffinity: Required value: Local volume requires node affinity"
        ]),
        (persistent_volume(hostPath={"path": "/"}, persistentVolumeReclaimPolicy="Recycle"), [
            "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"
        ]),
        (persistent_volume(csi={"driver": "d", "nodeStageSecretRef": {}, "nodeExpandSecretRef": {"name": "a"}}), [
            "spec.csi.volumeHandle: Required value",
            "spec.csi.nodeExpandSecretRef.namespace: Required value",
        ]),
        (storage("StorageClass", provisioner="", volumeBindingMode="Late"), [
            "provisioner: Required value",
            'volumeBindingMode: Unsupported value: "Late": supported values: "Immediate", "WaitForFirstConsumer"',
        ]),
        (storage("StorageClass", provisioner="p", allowedTopologies=[
            {"matchLabelExpressions": [{"key": "z", "values": ["a", "a"]}]}]), [
            'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"'
        ]),
        (storage("VolumeAttachment", spec={"nodeName": "n", "source": {}}), [
            "spec.attacher: Required value",
            "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
        ]),
        (storage("CSIDriver", spec={"fsGroupPolicy": "Any", "volumeLifecycleModes": ["Forever"]}), [
            'spec.fsGroupPolicy: Unsupported value: "Any": '
            'supported values: "File", "None", "ReadWriteOnceWithFSType"',
            'spec.volumeLifecycleModes: Unsupported value: "Forever": supported values: "Ephemeral", "Persistent"',
        ]),
        (storage("CSINode", spec={"drivers": [{"name": "d", "nodeID": ""}, {"name": "d", "nodeID": "n"}]}), [
            "spec.drivers[0].nodeID: Required value",
            'spec.drivers[1].name: Duplicate value: "d"',
        ]),
        (storage("VolumeAttributesClass", driverName="d"), [
            "parameters: Required value: must contain at least one key/value pair"
        ]),
        (networking("Ingress"), ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]),
        (networking("Ingress", rules=[{"host": "1.2.3.4", "http": {"paths": [
            {"path": "/a//b", "pathType": "Exact", "backend": {"service": {"name": "s"}}}]}}]), [
            'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
            "spec.rules[0].http.paths[0].path: Invalid value: \"/a//b\": must not contain '//'",
            "spec.rules[0].http.paths[0].backend: Required value: port name or number is required",
        ]),
        (cluster("networking.k8s.io/v1", "IngressClass", spec={
            "controller": "a", "parameters": {"kind": "k", "name": "n", "scope": "Namespace"}}), [
            'spec.controller: Invalid value: "a": must be a domain-prefixed path (such as "acme.io/foo")',
            "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
        ]),
        (networking("NetworkPolicy", podSelector={}, ingress=[{"from": [
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/9"]}}, {}],
            "ports": [{"port": "http", "endPort": 90}]}]), [
            "spec.ingress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
            'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/9": '
            "must be a strict subset of `cidr`",
            "spec.ingress[0].from[1]: Required value: must specify a peer",
        ]),
        (cluster("networking.k8s.io/v1", "IPAddress", name="::0001", spec={}), [
            'metadata.name: Invalid value: "::0001": must be in canonical form ("::1")',
            "spec.parentRef: Required value",
        ]),
        (cluster("networking.k8s.io/v1", "ServiceCIDR", spec={"cidrs": ["10.0.0.0/24", "10.1.0.0/24"]}), [
            'spec.cidrs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: '
            "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        ]),
        (quota(hard={"disk": "1", "pods": "1500m"}), [
            'spec.hard[disk]: Invalid value: "disk": must be a standard resource type or fully qualified',
            'spec.hard[disk]: Invalid value: "disk": must be a standard resource for quota',
            'spec.hard[pods]: Invalid value: "1500m": must be an integer',
        ]),
        (quota(hard={"services": "1"}, scopes=["BestEffort", "NotBestEffort"]), [
            'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: unsupported scope applied to resource',
            'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: unsupported scope applied to resource',
            'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
        ]),
        (quota(scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}), [
            "spec.scopeSelector.matchExpressions.values: Required value: "
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
        ]),
        (limits(type="Pod", default={"cpu": "1"}, max={"cpu": "1"}, min={"cpu": "2"}), [
            "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
            'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        ]),
        (limits(type="PersistentVolumeClaim"), [
            "spec.limits[0].limits: Required value: "
            "either minimum or maximum storage value is required, but neither was provided"
        ]),
        (limits(type="Container", maxLimitRequestRatio={"cpu": "4"}, min={"cpu": "1"}, max={"cpu": "2"}), [
            'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "4": '
            "ratio 4 is greater than max/min = 2.000000"
        ]),
        (cluster("v1", "Node", spec={"taints": [{"key": "a", "effect": "NoSchedule"}] * 2,
                                     "podCIDRs": ["10.0.0.0/24", "10.0.0.0/24"]}), [
            'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}: '
            "taints must be unique by key and effect pair",
            'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.0.0/24"]: '
            "may specify no more than one CIDR for each IP family",
            'spec.podCIDRs[1]: Duplicate value: "10.0.0.0/24"',
        ]),
        (cluster("scheduling.k8s.io/v1", "PriorityClass", name="system-mine", value=1), [
            "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use "
            "only. error: system-mine is not a known system priority class"
        ]),
        (cluster("node.k8s.io/v1", "RuntimeClass", handler="h", overhead={"podFixed": {"cpu": "-1"}}), [
            'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'
        ]),
        (made("coordination.k8s.io/v1", "Lease", spec={"leaseDurationSeconds": 0, "preferredHolder": "a"}), [
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
            "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined",
        ]),
        (made("policy/v1", "PodDisruptionBudget", spec={"minAvailable": "101%"}), [
            'spec.minAvailable: Invalid value: "101%": must not be greater than 100%'
        ]),
        (made("v1", "Secret", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": "W10="}), [
            'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": '
            "json: cannot unmarshal array into Go value of type map[string]interface {}"
        ]),
        (cluster("v1", "Namespace", spec={"finalizers": ["mine"]}), [
            'spec.finalizers: Invalid value: "mine": '
            "name is neither a standard finalizer name nor is it fully qualified"
        ]),
        (made("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"kind": "Role", "name": "r"},
              subjects=[{"kind": "ServiceAccount", "name": "a"}, {"kind": "User", "name": ""}]), [
            "subjects[1].name: Required value",
            'subjects[1].name: Invalid value: "": user name cannot be empty',
        ]),
        (cluster("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", spec={
            "matchingPrecedence": 10001, "priorityLevelConfiguration": {"name": ""},
            "rules": [{"subjects": [{"kind": "User"}], "nonResourceRules": [
                {"verbs": ["fly"], "nonResourceURLs": ["a"]}]}]}), [
            "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000",
            "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
            "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
            'spec.rules[0].nonResourceRules[0].verbs: Unsupported value: ["fly"]: supported values: "create", '
            '"delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
            'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "a": must start with slash',
        ]),
        (cluster("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", spec={
            "type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {
                "queues": 4, "handSize": 5}}}}), [
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)"
        ]),
        (made("resource.k8s.io/v1", "ResourceClaim", spec={"devices": {"requests": [
            {"name": "a"}, {"name": "b", "exactly": {"deviceClassName": "c", "allocationMode": "All", "count": 2}}],
            "constraints": [{"requests": ["z"], "matchAttribute": "d/n"}]}}), [
            "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
            "spec.devices.requests[1].exactly.count: Invalid value: 2: "
            "must not be specified when allocationMode is 'All'",
            'spec.devices.constraints[0].requests[0]: Invalid value: "z": must be the name of a request in the '
            "claim or the name of a request and a subrequest separated by '/'",
        ]),
    ],
)  # fmt: skip
def test_new_objects(obj: Obj, expected: list[str]) -> None:
    assert check(obj) == expected


def test_claims_grow_only_when_bound() -> None:
    bound = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
    assert check_update(claim("2Gi") | {"status": bound}, claim("1Gi") | {"status": bound}) == []
    assert check_update(claim("512Mi") | {"status": bound}, claim("1Gi") | {"status": bound}) == [
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    ]
    found = check_update(claim("2Gi"), claim("1Gi"))
    assert found == [
        "spec: Forbidden: spec is immutable after creation except resources.requests and "
        "volumeAttributesClassName for bound claims\n  core.PersistentVolumeClaimSpec{\n  \tResources: {\n"
        '  \t\tRequests: {\n- \t\t\tStorage: "1Gi",\n+ \t\t\tStorage: "2Gi",\n  \t\t},\n  \t},\n'
        "  \t... // 2 identical fields\n  }\n"
    ]
    status = claim() | {"status": {"allocatedResourceStatuses": {"storage": "Growing"}}}
    assert check_update(status, claim(), "status") == [
        'status.allocatedResourceStatus: Unsupported value: "storage": supported values: '
        '"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", '
        '"NodeResizeInfeasible", "NodeResizePending"'
    ]


def test_volumes_keep_their_source() -> None:
    def attached(**csi: Any) -> Obj:
        return persistent_volume(csi={"driver": "d", "volumeHandle": "h", **csi})

    secret = {"name": "a", "namespace": "b"}
    assert check_update(attached(controllerExpandSecretRef=secret), attached()) == []
    found = check_update(attached(volumeHandle="i"), attached())
    assert len(found) == 1
    assert found[0].startswith(
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n"
    )


def test_storage_classes_do_not_change() -> None:
    old = storage("StorageClass", provisioner="p")
    assert check_update(
        storage("StorageClass", provisioner="q", volumeBindingMode="WaitForFirstConsumer"), old
    ) == [
        "provisioner: Forbidden: updates to provisioner are forbidden.",
        'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
    ]


def test_nodes_keep_their_addresses() -> None:
    old = cluster(
        "v1", "Node", spec={"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"], "providerID": "a"}
    )
    new = cluster(
        "v1", "Node", spec={"podCIDR": "10.0.1.0/24", "podCIDRs": ["10.0.1.0/24"], "providerID": "b"}
    )
    assert check_update(new, old) == [
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
        'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    ]


def test_namespaces_say_when_they_end() -> None:
    old = cluster("v1", "Namespace") | {"status": {"phase": "Active"}}
    new = cluster("v1", "Namespace") | {"status": {"phase": "Terminating"}}
    assert check_update(new, old, "status") == [
        "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
    ]


def test_quota_scopes_stay() -> None:
    assert check_update(quota(scopes=["Terminating"]), quota()) == [
        'spec.scopes: Invalid value: ["Terminating"]: field is immutable'
    ]


def test_events_of_both_styles() -> None:
    involved = {"kind": "Pod", "name": "p", "namespace": "other"}
    assert check(made("v1", "Event", involvedObject=involved)) == [
        'involvedObject.namespace: Invalid value: "other": does not match event.namespace'
    ]
    bare = made("events.k8s.io/v1", "Event", regarding={"namespace": "n"}, type="Odd", deprecatedCount=2)
    assert check(bare) == [
        "eventTime: Required value",
        'type: Invalid value: "": has invalid value: Odd',
        'count: Invalid value: "": needs to be unset',
    ]
    fields = {
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "c",
        "reportingInstance": "i",
        "action": "a",
        "reason": "r",
        "type": "Normal",
        "regarding": {"namespace": "n"},
    }
    assert check(made("events.k8s.io/v1", "Event", **fields)) == []
    changed = made("events.k8s.io/v1", "Event", **{**fields, "note": "new"})
    assert check_update(changed, made("events.k8s.io/v1", "Event", **fields)) == [
        'message: Invalid value: "new": field is immutable'
    ]


def test_device_requests_ask_for_one() -> None:
    obj = made(
        "resource.k8s.io/v1",
        "ResourceClaim",
        spec={"devices": {"requests": [{"name": "a", "exactly": {"deviceClassName": "c"}}]}},
    )
    assert check(obj) == []
    assert obj["spec"]["devices"]["requests"][0]["exactly"] == {
        "deviceClassName": "c",
        "allocationMode": "ExactCount",
        "count": 1,
    }
    frozen = made("resource.k8s.io/v1", "ResourceClaim", spec={"devices": {}})
    assert check_update(obj, frozen)[0].endswith(": field is immutable")


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (networking("Ingress", defaultBackend={}) | {"metadata": {"name": "x", "annotations": {
            "kubernetes.io/ingress.class": "a"}}}, [
            "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
        ]),
        (claim("100m"), [
            'spec.resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer'
        ]),
        (cluster("v1", "Node", spec={"externalID": "a"}), [
            "spec.externalID: this field is deprecated, and is unused by Kubernetes"
        ]),
        (persistent_volume(rbd={"monitors": ["a"], "image": "i"}), [
            "spec.rbd: deprecated in v1.28, non-functional in v1.31+"
        ]),
    ],
)  # fmt: skip
def test_warnings(obj: Obj, expected: list[str]) -> None:
    assert SCHEME.kind_of(obj).warnings(obj) == expected


def test_api_services() -> None:
    spec = {"version": "v1", "groupPriorityMinimum": 20001, "versionPriority": 5, "service": {"name": "s"}}
    obj = cluster("apiregistration.k8s.io/v1", "APIService", name="v1.a.b", spec={**spec, "group": "a.c"})
    assert check(obj) == [
        'metadata.name: Invalid value: "v1.a.b": must be `spec.version+"."+spec.group`: "v1.a.c"',
        "spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000",
        "spec.service.namespace: Required value",
    ]
