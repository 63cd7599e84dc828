"""Validation of workloads: those of apps and batch, and what scales them."""

from typing import Any

import pytest

from tests.api.objects import check, check_update, job, made, template, workload

Obj = dict[str, Any]


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (workload("Deployment", strategy={"type": "Swap"}), [
            'spec.strategy.type: Unsupported value: "Swap": supported values: "Recreate", "RollingUpdate"'
        ]),
        (workload("Deployment", progressDeadlineSeconds=5, minReadySeconds=5), [
            "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"
        ]),
        (workload("ReplicaSet", template=template(restartPolicy="Never")), [
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'
        ]),
        (workload("DaemonSet", updateStrategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}), [
            "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: "
            "may not be set when maxUnavailable is non-zero"
        ]),
        (workload("DaemonSet", template=template(activeDeadlineSeconds=3)), [
            "spec.template.spec.activeDeadlineSeconds: Forbidden: "
            "activeDeadlineSeconds in DaemonSet is not Supported"
        ]),
        (workload("StatefulSet", podManagementPolicy="Any", updateStrategy={"type": "OnDelete", "rollingUpdate": {}}), [
            'spec.podManagementPolicy: Invalid value: "Any": must be \'OrderedReady\' or \'Parallel\'',
            "spec.updateStrategy.rollingUpdate: Invalid value: {}: only allowed for updateStrategy 'RollingUpdate'",
        ]),
        (workload("StatefulSet", selector={}), [
            "spec.selector: Invalid value: {}: empty selector is invalid for statefulset"
        ]),
        (made("v1", "ReplicationController", spec={"selector": {"x": "y"}, "template": template()}), [
            'spec.template.metadata.labels: Invalid value: {"a":"b"}: '
            "`selector` does not match template `labels`"
        ]),
        (made("apps/v1", "ControllerRevision", revision=-1), [
            "data: Required value: data is mandatory",
            "revision: Invalid value: -1: must be greater than or equal to 0",
        ]),
        (job(), []),
        (job(completionMode="Indexed", parallelism=1, maxFailedIndexes=2), [
            "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            "spec.completions: Required value: when completion mode is Indexed",
        ]),
        (job(backoffLimitPerIndex=1, managedBy="me"), [
            'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
            "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
        ]),
        (job(podFailurePolicy={"rules": [
            {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [5, 0], "containerName": "z"}},
            {"action": "FailIndex"}]}), [
            'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "z": '
            "must be one of the container or initContainer names in the pod template",
            "spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: "
            "must not be 0 for the In operator",
            "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [5,0]: must be ordered",
            'spec.podFailurePolicy.rules[1].action: Invalid value: "FailIndex": '
            "requires the backoffLimitPerIndex to be set",
            'spec.podFailurePolicy.rules[1]: Invalid value: {"action":"FailIndex"}: '
            "specifying one of OnExitCodes and OnPodConditions is required",
        ]),
        (job(completionMode="Indexed", completions=3, parallelism=3, successPolicy={"rules": [
            {"succeededIndexes": "0,2-5", "succeededCount": 9}, {}]}), [
            'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0,2-5": '
            'error parsing succeededIndexes: too large index: "5"',
            "spec.successPolicy.rules[0].succeededCount: Invalid value: 9: "
            "must be less than or equal to 3 (the number of specified completions)",
            "spec.successPolicy.rules[0].succeededCount: Invalid value: 9: "
            "must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)",
            "spec.successPolicy.rules[1]: Required value: "
            "at least one of succeededCount or succeededIndexes must be specified",
        ]),
    ],
)  # fmt: skip
def test_new_objects(obj: Obj, expected: list[str]) -> None:
    assert check(obj) == expected


def stored(obj: Obj) -> Obj:
    assert check(obj) == []
    return obj


def test_job_updates() -> None:
    assert check_update(stored(job(completions=5)), stored(job(completions=4))) == [
        "spec.completions: Invalid value: 5: field is immutable"
    ]
    small = stored(job(completionMode="Indexed", completions=2, parallelism=2))
    large = stored(job(completionMode="Indexed", completions=3, parallelism=3))
    assert check_update(large, small) == []
    moved = stored(job(suspend=True, template=template(restartPolicy="Never", nodeSelector={"a": "b"})))
    assert check_update(moved, stored(job(suspend=True))) == []
    found = check_update(moved, stored(job()))
    assert len(found) == 1
    assert found[0].startswith("spec.template: Invalid value: ")
    assert found[0].endswith(": field is immutable")


def test_job_status() -> None:
    def reported(**status: Any) -> Obj:
        return stored(job()) | {"status": status}

    done = [{"type": "Complete", "status": "True"}]
    found = check_update(reported(conditions=done, active=1), reported(), "status")
    assert found == [
        "status.active: Invalid value: 1: active>0 is invalid for finished job",
        "status.completionTime: Required value: completionTime is required for Complete jobs",
    ]
    times = {"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:05Z"}
    assert check_update(reported(conditions=done, **times), reported(), "status") == []
    assert check_update(reported(), reported(conditions=done, **times), "status")[0] == (
        "status.conditions: Invalid value: null: cannot disable the terminal Complete=True condition"
    )


def test_workload_updates_and_status() -> None:
    old = workload("StatefulSet", serviceName="a")
    assert check_update(workload("StatefulSet", serviceName="b"), old) == [
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
        "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' "
        "are forbidden"
    ]
    reported = workload("Deployment") | {"status": {"replicas": 1, "readyReplicas": 2}}
    before = workload("Deployment") | {"status": {"collisionCount": 1}}
    assert check_update(reported, before, "status") == [
        "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.collisionCount: Invalid value: 0: cannot be decremented",
    ]


@pytest.mark.parametrize(
    ("schedule", "detail"),
    [
        ("@every 1h30m", ""),
        ("0 0 L * *", 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("@often", "unrecognized descriptor: @often"),
        ("0 0 0 * *", "beginning of range (0) below minimum (1): 0"),
    ],
)
def test_schedules(schedule: str, detail: str) -> None:
    spec = {"schedule": schedule, "jobTemplate": {"spec": {"template": template(restartPolicy="Never")}}}
    expected = [f'spec.schedule: Invalid value: "{schedule}": {detail}'] if detail else []
    assert check(made("batch/v1", "CronJob", spec=spec)) == expected


def test_cron_jobs() -> None:
    spec = {
        "schedule": "TZ=UTC 0 * * * *",
        "timeZone": "Nowhere/Else",
        "jobTemplate": {"spec": {"selector": {}, "template": template(restartPolicy="Never")}},
    }
    assert check(made("batch/v1", "CronJob", spec=spec, name="x" * 53)) == [
        'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": '
        "cannot use both timeZone field and TZ or CRON_TZ in schedule",
        'spec.timeZone: Invalid value: "Nowhere/Else": unknown time zone Nowhere/Else',
        "spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated",
        f'metadata.name: Invalid value: "{"x" * 53}": must be no more than 52 characters',
    ]


def autoscaler(**spec: Any) -> Obj:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    return made(
        "autoscaling/v2", "HorizontalPodAutoscaler", spec={"scaleTargetRef": target, "maxReplicas": 3, **spec}
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}, [
            "spec.metrics[0].resource.target.averageUtilization: Required value: "
            "must set either a target raw value or a target utilization"
        ]),
        ({"type": "Pods", "pods": {"metric": {"name": "a/b"}, "target": {"type": "AverageValue"}}}, [
            "spec.metrics[0].pods.metric.name: Invalid value: \"a/b\": may not contain '/'",
            "spec.metrics[0].pods.target.averageValue: Required value: "
            "must specify a positive target averageValue",
        ]),
        ({"type": "Object", "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "0"}}}, [
            'spec.metrics[0].external.target.value: Invalid value: "0": must be positive',
            "spec.metrics[0].object: Required value: must populate information for the given metric source",
        ]),
        ({"type": "ContainerResource", "containerResource": {"target": {"type": "Sum", "averageValue": "1"}}}, [
            "spec.metrics[0].containerResource.name: Required value: must specify a resource name",
            "spec.metrics[0].containerResource.container: Required value: must specify a container",
            'spec.metrics[0].containerResource.target.type: Invalid value: "Sum": '
            "must be either Utilization, Value, or AverageValue",
        ]),
    ],
)  # fmt: skip
def test_metrics(metric: Obj, expected: list[str]) -> None:
    assert check(autoscaler(metrics=[metric])) == expected


def test_behaviour() -> None:
    rules = {
        "stabilizationWindowSeconds": 4000,
        "policies": [{"type": "Pods", "value": 0, "periodSeconds": 1801}],
    }
    assert check(autoscaler(behavior={"scaleUp": rules}, minReplicas=4)) == [
        "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`",
        "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600",
        "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
        "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
    ]
