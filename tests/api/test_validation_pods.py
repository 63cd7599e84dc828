"""Validation of pods: every part of a spec, and what may change."""

from typing import Any

import pytest

from kubepy.api.scheme import SCHEME
from kubepy.machinery.meta import deep_copy
from tests.api.objects import check, check_update, container, made, pod, volume

Obj = dict[str, Any]
C = "spec.containers[0]"
V = "spec.volumes[0]"


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (pod(), []),
        (container(image=" i"), [f'{C}.image: Invalid value: " i": must not have leading or trailing whitespace']),
        (container(restartPolicy="Sometimes"), [
            f'{C}.restartPolicy: Unsupported value: "Sometimes": '
            'supported values: "Always", "Never", "OnFailure"'
        ]),
        (container(terminationMessagePolicy="Log"), [
            f'{C}.terminationMessagePolicy: Unsupported value: "Log": '
            'supported values: "File", "FallbackToLogsOnError"'
        ]),
        (container(ports=[{"containerPort": 80, "name": "a"}, {"name": "a"}]), [
            f'{C}.ports[1].name: Duplicate value: "a"',
            f"{C}.ports[1].containerPort: Required value",
        ]),
        (
            container(ports=[{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}]),
            [f'{C}.ports[1].hostPort: Duplicate value: "TCP//9"'],
        ),
        (container(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]), [
            f'{C}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.x": '
            "error converting fieldPath: field label not supported: spec.x",
            f'{C}.env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        ]),
        (container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}]), [
            f'{C}.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: '
            '"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", '
            '"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"'
        ]),
        (container(env=[{"name": "A", "valueFrom": {}}]), [
            f'{C}.env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, '
            "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        ]),
        (
            container(env=[{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}}}]),
            [
                f'{C}.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": '
                "only divisor's values 1m and 1 are supported with the cpu resource"
            ],
        ),
        (container(envFrom=[{}]), [
            f'{C}.envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'
        ]),
        (container(livenessProbe={"exec": {}, "tcpSocket": {"port": 1}, "successThreshold": 2}), [
            f"{C}.livenessProbe.exec.command: Required value",
            f"{C}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
            f"{C}.livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ]),
        (container(readinessProbe={"grpc": {"port": 0}, "terminationGracePeriodSeconds": 5}), [
            f"{C}.readinessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive",
            f"{C}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: "
            "must not be set for readinessProbes",
        ]),
        (container(startupProbe={"httpGet": {"port": "UP", "httpHeaders": [{"name": "a b", "value": ""}]}}), [
            f'{C}.startupProbe.httpGet.port: Invalid value: "UP": '
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
            f'{C}.startupProbe.httpGet.port: Invalid value: "UP": must contain at least one letter (a-z)',
            f'{C}.startupProbe.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of '
            "alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
        ]),
        (container(lifecycle={"preStop": {"sleep": {"seconds": 40}}}), [
            f"{C}.lifecycle.preStop.sleep: Invalid value: 40: "
            "must be non-negative and less than terminationGracePeriodSeconds (30)"
        ]),
        (container(lifecycle={"stopSignal": "SIGTERM"}), [
            f"{C}.lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`"
        ]),
        (container(resources={"requests": {"disk": "1"}}), [
            f'{C}.resources.requests[disk]: Invalid value: "disk": must be a standard resource type or fully qualified',
            f'{C}.resources.requests[disk]: Invalid value: "disk": must be a standard resource for containers',
        ]),
        (container(resources={"requests": {"a.b/gpu": "500m"}}), [
            f'{C}.resources.requests[a.b/gpu]: Invalid value: "500m": must be an integer',
            f"{C}.resources.limits: Required value: Limit must be set for non overcommitable resources",
        ]),
        (container(resources={"limits": {"hugepages-2Mi": "3Mi"}, "requests": {"hugepages-2Mi": "3Mi"}}), [
            f'{C}.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": '
            "3Mi is not positive integer multiple of hugepages-2Mi",
            f'{C}.resources.requests[hugepages-2Mi]: Invalid value: "3Mi": '
            "3Mi is not positive integer multiple of hugepages-2Mi",
            f"{C}.resources: Forbidden: HugePages require cpu or memory",
        ]),
        (container(resources={"claims": [{"name": "x"}]}), [
            f'{C}.resources.claims[0]: Not found: "x": must be one of the names in pod.spec.resourceClaims '
            "which is empty"
        ]),
        (container(resizePolicy=[{"resourceName": "disk", "restartPolicy": "NotRequired"}]), [
            f'{C}.resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"'
        ]),
        (container(securityContext={"runAsUser": -1, "procMount": "Unmasked"}), [
            f"{C}.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            f'{C}.securityContext.procMount: Invalid value: "Unmasked": '
            "`hostUsers` must be false to use `Unmasked`",
        ]),
        (container(securityContext={"seccompProfile": {"type": "Localhost"}}), [
            f"{C}.securityContext.seccompProfile.localhostProfile: Required value: "
            "must be set when seccomp type is Localhost"
        ]),
        (container(securityContext={"appArmorProfile": {"type": "Custom"}}), [
            f'{C}.securityContext.appArmorProfile.type: Unsupported value: "Custom": '
            'supported values: "Localhost", "RuntimeDefault", "Unconfined"'
        ]),
        (container(volumeDevices=[{"name": "v", "devicePath": "/../d"}]), [
            f'{C}.volumeDevices[0].name: Not found: "v"',
            f'{C}.volumeDevices[0].devicePath: Invalid value: "/../d": can not contain backsteps (\'..\')',
        ]),
    ],
)  # fmt: skip
def test_containers(obj: Obj, expected: list[str]) -> None:
    assert check(obj) == expected


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ({"subPath": "/a"}, ['subPath: Invalid value: "/a": must be a relative path']),
        ({"mountPropagation": "Bidirectional"}, [
            "mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged "
            "containers"
        ]),
        ({"recursiveReadOnly": "Enabled"}, [
            "recursiveReadOnly: Forbidden: may only be specified when readOnly is true"
        ]),
    ],
)  # fmt: skip
def test_mounts(mount: Obj, expected: list[str]) -> None:
    obj = container(volumeMounts=[{"name": "v", "mountPath": "/m", **mount}])
    obj["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    assert check(obj) == [f"{C}.volumeMounts.{text}" for text in expected]


def test_a_wrong_volume_cannot_be_mounted() -> None:
    obj = container(volumeMounts=[{"name": "v", "mountPath": "/m"}])
    obj["spec"]["volumes"] = [{"name": "v", "secret": {}}]
    assert check(obj) == [
        f"{V}.secret.secretName: Required value",
        f'{C}.volumeMounts[0].name: Not found: "v"',
    ]
    claimed = volume(persistentVolumeClaim={"claimName": "x-e"})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}
    claimed["spec"]["volumes"].append({"name": "e", "ephemeral": {"volumeClaimTemplate": {"spec": spec}}})
    assert check(claimed) == [
        f'{V}.persistentVolumeClaim.claimName: Invalid value: "x-e": '
        "must not reference a PVC that gets created for an ephemeral volume"
    ]


def test_init_and_sidecar_containers() -> None:
    probe = {"livenessProbe": {"tcpSocket": {"port": 1}}}
    init = [
        {"name": "i", "image": "i", **probe},
        {"name": "s", "image": "i", "restartPolicy": "Always", **probe},
        {"name": "c", "image": "i"},
    ]
    assert check(pod(initContainers=init)) == [
        "spec.initContainers[0].livenessProbe: Forbidden: "
        "may not be set for init containers without restartPolicy=Always",
        'spec.initContainers[2].name: Duplicate value: "c"',
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"emptyDir": {}, "hostPath": {"path": "/"}}, [
            f"{V}.hostPath: Forbidden: may not specify more than 1 volume type"
        ]),
        ({"hostPath": {"path": "/a/../b", "type": "Dir"}}, [
            f'{V}.hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
            f'{V}.hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", '
            '"Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
        ]),
        ({"nfs": {"server": "s"}}, [
            f"{V}.nfs.path: Required value",
            f'{V}.nfs.path: Invalid value: "": must be an absolute path',
        ]),
        ({"secret": {"secretName": "s", "defaultMode": 512, "items": [{"key": "k", "path": "..a"}]}}, [
            f"{V}.secret.defaultMode: Invalid value: 512: "
            "must be a number between 0 and 0777 (octal), both inclusive",
            f'{V}.secret.items[0].path: Invalid value: "..a": must not start with \'..\'',
        ]),
        ({"csi": {}}, [
            f"{V}.csi.driver: Required value",
            f'{V}.csi.driver: Invalid value: "": a lowercase RFC 1123 subdomain must consist of lower case '
            "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
            r"'example.com', regex used for validation is "
            r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ]),
        ({"image": {"reference": ""}}, [f"{V}.image.reference: Required value"]),
        ({"ephemeral": {"volumeClaimTemplate": {"metadata": {"name": "x"}, "spec": {}}}}, [
            f"{V}.ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
            f"{V}.ephemeral.volumeClaimTemplate.spec.accessModes: Required value: "
            "at least 1 access mode is required",
            f"{V}.ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value",
        ]),
        ({"downwardAPI": {"items": [{"path": "p"}]}}, [
            f"{V}.downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"
        ]),
        ({"projected": {"sources": [{"configMap": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                                    {"secret": {"name": "b", "items": [{"key": "k", "path": "p"}]}}]}}, [
            f'{V}.projected: Invalid value: "b": conflicting duplicate paths'
        ]),
        ({"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}}, [
            f"{V}.projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: "
            "may not specify a duration less than 10 minutes",
            f"{V}.projected.sources[0].serviceAccountToken: Forbidden: "
            "must not be specified when serviceAccountName is not set",
        ]),
        ({"iscsi": {"targetPortal": "p", "iqn": "x", "lun": 300}}, [
            f'{V}.iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa',
            f"{V}.iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive",
        ]),
    ],
)  # fmt: skip
def test_volumes(source: Obj, expected: list[str]) -> None:
    assert check(volume(**source)) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"dnsPolicy": "None"}, [
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"
        ]),
        ({"dnsConfig": {"nameservers": ["1", "1.1.1.1", "2.2.2.2", "3.3.3.3"], "options": [{}]}}, [
            'spec.dnsConfig.nameservers: Invalid value: ["1","1.1.1.1","2.2.2.2","3.3.3.3"]: '
            "must not have more than 3 nameservers",
            'spec.dnsConfig.nameservers[0]: Invalid value: "1": '
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "spec.dnsConfig.options[0]: Required value: must not be empty",
        ]),
        ({"hostAliases": [{"ip": "010.0.0.1", "hostnames": ["a_b"]}]}, [
            'spec.hostAliases[0].ip: Invalid value: "010.0.0.1": must not have leading 0s',
            'spec.hostAliases[0].hostnames[0]: Invalid value: "a_b": a lowercase RFC 1123 subdomain must consist '
            "of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
            "character (e.g. 'example.com', regex used for validation is "
            r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ]),
        ({"securityContext": {"sysctls": [{"name": "net.a", "value": "1"}], "fsGroupChangePolicy": "No"},
          "hostNetwork": True}, [
            "spec.securityContext.sysctls[0].name: Invalid value: \"net.a\": "
            "may not be specified when 'hostNetwork' is true",
            'spec.securityContext.fsGroupChangePolicy: Unsupported value: "No": '
            'supported values: "Always", "OnRootMismatch"',
        ]),
        ({"hostUsers": False, "hostPID": True}, [
            "spec.HostPID: Forbidden: when `pod.Spec.HostUsers` is false"
        ]),
        ({"os": {"name": "windows"}, "hostPID": True}, ["spec.hostPID: Forbidden: cannot be set for a windows pod"]),
        ({"os": {"name": "plan9"}}, [
            'spec.os: Unsupported value: "plan9": supported values: "linux", "windows"'
        ]),
        ({"schedulingGates": [{"name": "a"}, {"name": "a"}], "nodeName": "n"}, [
            'spec.schedulingGates[1]: Duplicate value: "a"',
            "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
        ]),
        ({"tolerations": [{"operator": "Equal", "tolerationSeconds": 1}, {"key": "a", "operator": "Near"}]}, [
            'spec.tolerations[0].operator: Invalid value: "Equal": '
            'operator must be Exists when `key` is empty, which means "match all values and all keys"',
            "spec.tolerations[0].effect: Invalid value: \"\": "
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
            'spec.tolerations[1].operator: Unsupported value: "Near": '
            'supported values: "Equal", "Exists", "Lt", "Gt"',
        ]),
        ({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway",
                                         "minDomains": 2, "matchLabelKeys": ["a"]}]}, [
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: "
            "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
            "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: "
            "must not be specified when labelSelector is not set",
        ]),
        ({"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 101, "podAffinityTerm": {"topologyKey": "z"}}]}}}, [
            "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: "
            "Invalid value: 101: must be in the range 1-100"
        ]),
        ({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchFields": [{"key": "spec.x", "operator": "In", "values": ["a"]}]}]}}}}, [
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
            '.matchFields[0].key: Invalid value: "spec.x": not a valid field selector key'
        ]),
        ({"resourceClaims": [{"name": "a"}]}, [
            'spec.resourceClaims[0]: Invalid value: {"name":"a"}: '
            "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
        ]),
        ({"resources": {"requests": {"cpu": "1"}},
          "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}}}]}, [
            'spec.resources.requests[cpu]: Invalid value: "1": '
            "must be greater than or equal to aggregate container requests of 2"
        ]),
        ({"priorityClassName": "A", "preemptionPolicy": "Ask"}, [
            'spec.priorityClassName: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower '
            "case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'example.com', regex used for validation is "
            r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            'spec.preemptionPolicy: Unsupported value: "Ask": supported values: "PreemptLowerPriority", "Never"',
        ]),
        ({"ephemeralContainers": [{"name": "e", "image": "i"}]}, [
            "spec.ephemeralContainers: Forbidden: cannot be set on create"
        ]),
    ],
)  # fmt: skip
def test_specs(spec: Obj, expected: list[str]) -> None:
    assert check(pod(**spec)) == expected


def test_annotations() -> None:
    obj = pod()
    obj["metadata"]["annotations"] = {
        "controller.kubernetes.io/pod-deletion-cost": "+1",
        "kubernetes.io/config.mirror": "x",
    }
    assert check(obj) == [
        'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": '
        "must set spec.nodeName if mirror pod annotation is set",
        'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": '
        "must be a 32bit integer",
    ]


def test_update_names_every_difference() -> None:
    found = check_update(pod(nodeName="b", hostname="h"), pod(nodeName="a"))
    assert found == [
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
        "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
        'previously negative)\n  core.PodSpec{\n- \tNodeName: "a",\n+ \tNodeName: "b",\n+ \tHostname: "h",\n'
        "  \t... // 7 identical fields\n  }\n"
    ]


def test_gated_pods_may_be_steered() -> None:
    gated: Obj = {"schedulingGates": [{"name": "g"}], "nodeSelector": {"a": "b"}}
    free = pod(nodeSelector={"a": "b", "c": "d"})
    assert check_update(free, pod(**gated)) == []
    assert check_update(pod(nodeSelector={"a": "c"}), pod(**gated)) == [
        'spec.nodeSelector: Invalid value: {"a":"c"}: '
        "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
    ]
    more = pod(schedulingGates=[{"name": "g"}, {"name": "h"}], nodeSelector={"a": "b"})
    assert check_update(more, pod(**gated)) == [
        "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'h'"
    ]


def test_deadlines_and_tolerations_of_updates() -> None:
    assert check_update(pod(activeDeadlineSeconds=9), pod(activeDeadlineSeconds=5)) == [
        "spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value"
    ]
    assert check_update(pod(), pod(activeDeadlineSeconds=5)) == [
        "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"
    ]
    assert check_update(pod(), pod(tolerations=[{"operator": "Exists"}])) == [
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    ]


def test_ephemeral_containers() -> None:
    debugger = {"name": "d", "image": "i", "targetContainerName": "z", "ports": [{"containerPort": 1}]}
    assert check_update(pod(ephemeralContainers=[debugger]), pod(), "ephemeralcontainers") == [
        'spec.ephemeralContainers[0].targetContainerName: Not found: "z"',
        "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
    ]
    plain = {"name": "d", "image": "i"}
    assert check_update(pod(ephemeralContainers=[plain]), pod(), "ephemeralcontainers") == []
    old = pod(ephemeralContainers=[plain])
    assert check_update(pod(ephemeralContainers=[]), old, "ephemeralcontainers") == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "d" may not be removed\n'
    ]


def test_resize() -> None:
    def sized(cpu: str, memory: str = "1Gi") -> Obj:
        return container(resources={"requests": {"cpu": cpu, "memory": memory}})

    assert check_update(sized("2"), sized("1"), "resize") == []
    limited = container(resources={"requests": {"cpu": "1"}, "limits": {"cpu": "1"}})
    assert check_update(limited, sized("1"), "resize") == [
        f"{C}.resources.requests: Forbidden: resource requests cannot be removed"
    ]
    best = container(resources={})
    assert check_update(sized("1"), best, "resize") == [
        'spec: Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing'
    ]


def test_status() -> None:
    def reported(**status: Any) -> Obj:
        return pod(restartPolicy="Never") | {"status": deep_copy(status)}

    ended = reported(containerStatuses=[{"name": "c", "state": {"terminated": {"exitCode": 0}}}])
    running = reported(containerStatuses=[{"name": "c", "state": {"running": {}}}])
    assert check_update(running, ended, "status") == [
        "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"
    ]
    assert check_update(reported(podIPs=[{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]), reported(), "status") == [
        'status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: '
        "may specify no more than one IP for each IP family"
    ]
    assert check_update(reported(qosClass="Burstable"), reported(qosClass="BestEffort"), "status") == [
        'status.qosClass: Invalid value: "Burstable": field is immutable'
    ]


def test_templates_share_the_rules() -> None:
    template = {"spec": {"containers": [{"name": "c", "image": " i", "ports": [{"containerPort": 0}]}]}}
    assert check(made("v1", "PodTemplate", template=template)) == [
        "template.spec.containers[0].ports[0].containerPort: Required value"
    ]


def test_fine_amounts_are_rounded_up() -> None:
    obj = container(resources={"limits": {"cpu": "100u"}})
    assert check(obj) == []
    assert obj["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1m"}


def test_image_volumes_have_a_pull_policy() -> None:
    obj = volume(image={"reference": "a:1"})
    SCHEME.kind_of(obj).default(obj)
    assert obj["spec"]["volumes"][0]["image"] == {"reference": "a:1", "pullPolicy": "IfNotPresent"}


def test_new_pods_tell_that_they_are_gated_and_complete_their_affinity() -> None:
    term = {"topologyKey": "z", "labelSelector": {}, "matchLabelKeys": ["v"], "mismatchLabelKeys": ["w"]}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    obj = pod(schedulingGates=[{"name": "g"}], affinity=affinity)
    obj["metadata"]["labels"] = {"v": "1"}
    assert check(obj) == []
    assert obj["status"]["conditions"] == [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }
    ]
    terms = obj["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    expression = {"key": "v", "operator": "In", "values": ["1"]}
    assert terms[0]["labelSelector"] == {"matchExpressions": [expression]}
