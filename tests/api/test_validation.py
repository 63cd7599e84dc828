"""Validation: the sentences kubectl shows when a manifest breaks a rule."""

from typing import Any

import pytest

from kubepy.api.scheme import SCHEME
from kubepy.api.validation.objectmeta import finalizer_warnings, validate_object_meta
from kubepy.machinery.meta import deep_copy

Obj = dict[str, Any]


def made(api_version: str, kind: str, *, namespaced: bool = True, name: str = "x", **fields: Any) -> Obj:
    metadata = {"name": name, "uid": "u"} | ({"namespace": "n"} if namespaced else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **deep_copy(fields)}


def check(obj: Obj) -> list[str]:
    SCHEME.kind_of(obj).default(obj)
    SCHEME.kind_of(obj).prepare_for_create(obj)
    return [str(cause) for cause in SCHEME.kind_of(obj).validate_create(obj)]


def check_update(obj: Obj, old: Obj, subresource: str = "") -> list[str]:
    for each in (obj, old):
        SCHEME.kind_of(each).default(each)
    SCHEME.kind_of(obj).prepare_for_update(obj, old, subresource)
    return [str(cause) for cause in SCHEME.kind_of(obj).validate_update(obj, old, subresource)]


def pod(**spec: Any) -> Obj:
    spec.setdefault("containers", [{"name": "c", "image": "i"}])
    return made("v1", "Pod", spec=spec)


def container(**fields: Any) -> Obj:
    return pod(containers=[{"name": "c", "image": "i", **fields}])


def deployment(**spec: Any) -> Obj:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return made(
        "apps/v1", "Deployment", spec={"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    )


def service(**spec: Any) -> Obj:
    return made("v1", "Service", spec={"ports": [{"port": 80}], **spec})


SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (pod(), []),
        (pod(containers=[]), ["spec.containers: Required value"]),
        (pod(containers=[{"name": "c"}]), ["spec.containers[0].image: Required value"]),
        (
            pod(containers=[{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]),
            ['spec.containers[1].name: Duplicate value: "c"'],
        ),
        (
            pod(restartPolicy="Sometimes"),
            [
                'spec.restartPolicy: Unsupported value: "Sometimes": '
                'supported values: "Always", "OnFailure", "Never"'
            ],
        ),
        (
            container(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
            ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
        ),
        (
            container(ports=[{"containerPort": 70000}]),
            [
                "spec.containers[0].ports[0].containerPort: Invalid value: 70000: "
                "must be between 1 and 65535, inclusive"
            ],
        ),
        (
            container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
            [
                'spec.containers[0].resources.requests: Invalid value: "2": '
                "must be less than or equal to cpu limit of 1"
            ],
        ),
        (
            container(livenessProbe={}),
            ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
        ),
        (
            container(imagePullPolicy="Maybe"),
            [
                'spec.containers[0].imagePullPolicy: Unsupported value: "Maybe": '
                'supported values: "Always", "IfNotPresent", "Never"'
            ],
        ),
        (
            made("v1", "Pod", name="Bad_Name", spec={"containers": [{"name": "c", "image": "i"}]}),
            [f'metadata.name: Invalid value: "Bad_Name": {SUBDOMAIN}'],
        ),
        (deployment(), []),
        (deployment(selector=None) | {}, None),
        (
            deployment(selector={"matchLabels": {"a": "c"}}),
            [
                'spec.template.metadata.labels: Invalid value: {"a":"b"}: '
                "`selector` does not match template `labels`"
            ],
        ),
        (
            deployment(replicas=-1),
            ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            deployment(strategy={"type": "Recreate", "rollingUpdate": {}}),
            [
                "spec.strategy.rollingUpdate: Forbidden: "
                "may not be specified when strategy `type` is 'Recreate'"
            ],
        ),
        (
            deployment(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}),
            [
                'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": '
                "may not be 0 when `maxSurge` is 0"
            ],
        ),
        (service(), []),
        (service(ports=[]), ["spec.ports: Required value"]),
        (
            service(ports=[{"port": 80}, {"port": 81}]),
            ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
        ),
        (service(type="ExternalName"), ["spec.externalName: Required value"]),
        (
            made("v1", "ConfigMap", data={"a/b": ""}),
            [
                'data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric '
                "characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used "
                "for validation is '[-._a-zA-Z0-9]+')"
            ],
        ),
        (
            made("v1", "Secret", type="kubernetes.io/tls", data={"tls.crt": ""}),
            ["data[tls.key]: Required value"],
        ),
        (
            made("v1", "Namespace", namespaced=False, name="a.b"),
            None,
        ),
        (
            made(
                "batch/v1",
                "Job",
                spec={"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
            ),
            ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
        ),
        (
            made(
                "networking.k8s.io/v1",
                "Ingress",
                spec={"rules": [{"http": {"paths": [{"path": "x", "pathType": "Prefix", "backend": {}}]}}]},
            ),
            [
                'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path',
                'spec.rules[0].http.paths[0].backend: Invalid value: "": '
                "resource or service backend is required",
            ],
        ),
        (
            made("rbac.authorization.k8s.io/v1", "Role", name="system:x", rules=[{"verbs": ["get"]}]),
            [
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[0].resources: Required value: resource rules must supply at least one resource",
            ],
        ),
        (
            made("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"]}),
            ["spec.resources[storage]: Required value"],
        ),
        (
            made(
                "policy/v1",
                "PodDisruptionBudget",
                spec={"minAvailable": 1, "maxUnavailable": 1},
            ),
            [
                'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: '
                "minAvailable and maxUnavailable cannot be both set"
            ],
        ),
    ],
)
def test_new_objects(obj: Obj, expected: list[str] | None) -> None:
    found = check(obj)
    if expected is None:
        assert found
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("schedule", "detail"),
    [
        ("* * * * *", ""),
        ("*/5 1-3,7 * jan mon-fri", ""),
        ("@hourly", ""),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("61 * * * *", "end of range (61) above maximum (59): 61"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
    ],
)
def test_cron_schedules(schedule: str, detail: str) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    spec = {"schedule": schedule, "jobTemplate": {"spec": {"template": template}}}
    expected = [f'spec.schedule: Invalid value: "{schedule}": {detail}'] if detail else []
    assert check(made("batch/v1", "CronJob", spec=spec)) == expected


def test_object_meta() -> None:
    obj = made("v1", "ConfigMap")
    obj["metadata"] |= {
        "labels": {"a b": "-"},
        "annotations": {"k": "x" * 300000},
        "finalizers": ["plain"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": ""}],
    }
    found = check(obj)
    assert any(
        f.startswith('metadata.labels: Invalid value: "a b": name part must consist of') for f in found
    )
    assert any(f.startswith('metadata.labels: Invalid value: "-": a valid label must be') for f in found)
    assert "metadata.annotations: Too long: may not be more than 262144 bytes" in found
    assert 'metadata.ownerReferences.uid: Invalid value: "": must not be empty' in found
    assert (
        'metadata.finalizers[0]: Invalid value: "plain": '
        "name is neither a standard finalizer name nor is it fully qualified"
    ) in found
    nameless = made("v1", "ConfigMap")
    del nameless["metadata"]["name"]
    assert check(nameless) == ["metadata.name: Required value: name or generateName is required"]


def test_pod_updates() -> None:
    old = pod()
    newer = pod(containers=[{"name": "c", "image": "j"}], tolerations=[{"key": "k", "operator": "Exists"}])
    assert check_update(newer, deep_copy(old)) == []
    moved = check_update(pod(nodeName="elsewhere"), deep_copy(old))
    assert len(moved) == 1
    assert moved[0].startswith(
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    )
    two = pod(containers=[{"name": "c", "image": "i"}, {"name": "d", "image": "i"}])
    assert check_update(two, deep_copy(old)) == [
        "spec.containers: Forbidden: pod updates may not add or remove containers"
    ]


def test_immutable_fields() -> None:
    labels = {"metadata": {"labels": {"z": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    changed = deployment(selector={"matchLabels": {"z": "b"}}, template=labels)
    assert check_update(changed, deployment()) == [
        'spec.selector: Invalid value: {"matchLabels":{"z":"b"}}: field is immutable'
    ]
    old = service(clusterIP="10.96.0.1", clusterIPs=["10.96.0.1"])
    assert check_update(service(clusterIP="10.96.0.2", clusterIPs=["10.96.0.2"]), old) == [
        'spec.clusterIPs[0]: Invalid value: ["10.96.0.2"]: may not change once set'
    ]
    frozen = made("v1", "ConfigMap", immutable=True, data={"a": "1"})
    assert check_update(made("v1", "ConfigMap", immutable=True, data={"a": "2"}), frozen) == [
        "data: Forbidden: field is immutable when `immutable` is set"
    ]

    def binding(role: str) -> Obj:
        reference = {"kind": "Role", "name": role}
        return made("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef=reference)

    assert check_update(binding("b"), binding("a")) == [
        'roleRef: Invalid value: {"kind":"Role","name":"b","apiGroup":"rbac.authorization.k8s.io"}: '
        "cannot change roleRef"
    ]


def test_finalizers_cannot_be_added_while_deleting() -> None:
    old = made("v1", "ConfigMap")
    old["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}
    new = deep_copy(old)
    new["metadata"]["finalizers"] = ["a/b", "c/d"]
    assert check_update(new, old) == [
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
        'found new finalizers []string{"c/d"}'
    ]


def test_warnings() -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    obj = container(env=twice, resources={"limits": {"memory": "100m"}})
    obj["spec"]["nodeSelector"] = {"beta.kubernetes.io/os": "linux"}
    assert SCHEME.kind_of(obj).warnings(obj) == [
        'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
        'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, '
        "must be an integer",
        'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    ]
    several = pod(
        volumes=[{"name": "v", "gitRepo": {"repository": "r"}}],
        hostAliases=[{"ip": "1.1.1.1"}, {"ip": "1.1.1.1"}],
        containers=[
            {
                "name": "c",
                "image": "i",
                "ports": [{"containerPort": 80}, {"containerPort": 80, "hostPort": 8}],
            }
        ],
        topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}],
    )
    assert SCHEME.kind_of(several).warnings(several) == [
        "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
        "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
        'spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
        "spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]",
    ]
    dotted = made("v1", "Pod", name="a.b", spec={"containers": [{"name": "c", "image": "i"}]})
    assert SCHEME.kind_of(dotted).warnings(dotted) == [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label "
        "is recommended: [a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for "
        "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')]"
    ]
    dotted["metadata"]["resourceVersion"] = "1"
    assert SCHEME.kind_of(dotted).warnings(dotted) == []
    workload = deployment()
    workload["spec"]["template"]["spec"] = obj["spec"]
    assert SCHEME.kind_of(workload).warnings(workload)[0].startswith("spec.template.spec.nodeSelector[")
    plain = deployment()
    assert SCHEME.kind_of(plain).warnings(plain) == []


def test_custom_resources_may_have_finalizers_without_a_domain() -> None:
    metadata = {"name": "x", "namespace": "n", "finalizers": ["mine", "a/b"]}
    found = validate_object_meta(metadata, namespaced=True, name_rule=lambda _: [], any_finalizers=True)
    assert found == []
    assert finalizer_warnings(metadata) == [
        'metadata.finalizers: "mine": prefer a domain-qualified finalizer name including a path (/) to avoid '
        "accidental conflicts with other finalizer writers"
    ]
