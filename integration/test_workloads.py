"""Jobs, DaemonSets, StatefulSets, CronJobs and disruption budgets with real containers."""

from __future__ import annotations

import time
from typing import Any

from integration.harness import Cluster, Namespace, until

FLAKY_JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: flaky}
spec:
  completions: 3
  parallelism: 3
  completionMode: Indexed
  backoffLimitPerIndex: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: busybox
        command: [sh, -c, 'echo $JOB_COMPLETION_INDEX $(hostname); exit $((JOB_COMPLETION_INDEX == 1))']
"""

RETRIED_JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: retried}
spec:
  backoffLimit: 0
  ttlSecondsAfterFinished: 600
  podFailurePolicy:
    rules:
    - action: FailJob
      onExitCodes: {operator: In, values: [42]}
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: busybox, command: [sh, -c, "exit 42"]}
"""

SUCCEEDING_JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: fine}
spec:
  completions: 4
  parallelism: 2
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: busybox, command: ["true"]}
"""

DAEMON_SET = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  updateStrategy: {rollingUpdate: {maxUnavailable: 3}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: busybox
        command: [sleep, "3600"]
        env: [{name: VERSION, value: "1"}]
"""

STATEFUL_SET = """
apiVersion: v1
kind: Service
metadata: {name: peers}
spec:
  clusterIP: None
  selector: {app: db}
  ports: [{port: 80}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: peers
  replicas: 3
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: busybox
        command: [sleep, "3600"]
"""

CRON_JOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick}
spec:
  schedule: "* * * * *"
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
          - {name: c, image: busybox, command: [echo, tick]}
"""

BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: db}
spec:
  maxUnavailable: 0
  selector: {matchLabels: {app: db}}
"""


def condition(obj: Any, kind: str) -> Any:
    found = obj.get("status", {}).get("conditions", [])
    return next((c for c in found if c["type"] == kind), None)


def job_condition(namespace: Namespace, name: str, kind: str, seconds: float = 60) -> Any:
    what = f"job {name} is {kind}"
    return until(lambda: condition(namespace.json("get", "job", name), kind), what, seconds)


def test_jobs_succeed_and_fail(namespace: Namespace) -> None:
    for manifest in (SUCCEEDING_JOB, RETRIED_JOB, FLAKY_JOB):
        namespace.apply(manifest)
    assert job_condition(namespace, "fine", "Complete")["reason"] == "CompletionsReached"
    fine = namespace.json("get", "job", "fine")["status"]
    assert (fine["succeeded"], fine["uncountedTerminatedPods"]) == (4, {})
    failed = job_condition(namespace, "retried", "Failed")
    assert failed["reason"] == "PodFailurePolicy"
    assert "failed with exit code 42 matching FailJob rule at index 0" in failed["message"]
    assert job_condition(namespace, "flaky", "Failed")["reason"] == "FailedIndexes"
    flaky = namespace.json("get", "job", "flaky")["status"]
    assert (flaky["completedIndexes"], flaky["failedIndexes"]) == ("0,2", "1")
    logs = namespace.ok("logs", "-l", "batch.kubernetes.io/job-completion-index=2")
    assert logs.split() == ["2", "flaky-2"]
    assert "4/4" in namespace.ok("get", "job", "fine", "--no-headers")


def test_daemon_set_rolls_on_every_worker(cluster: Cluster, namespace: Namespace) -> None:
    namespace.apply(DAEMON_SET)
    namespace.ok("rollout", "status", "daemonset/agent", "--timeout=60s")
    pods = namespace.ready_pods("app=agent")
    assert sorted(pod["spec"]["nodeName"] for pod in pods) == cluster.workers
    namespace.ok("set", "env", "daemonset/agent", "VERSION=2")
    namespace.ok("rollout", "status", "daemonset/agent", "--timeout=60s")
    fresh = namespace.ready_pods("app=agent")
    assert {p["spec"]["containers"][0]["env"][0]["value"] for p in fresh} == {"2"}
    assert sorted(p["spec"]["nodeName"] for p in fresh) == cluster.workers
    namespace.ok("rollout", "undo", "daemonset/agent")
    namespace.ok("rollout", "status", "daemonset/agent", "--timeout=60s")
    (version,) = {p["spec"]["containers"][0]["env"][0]["value"] for p in namespace.ready_pods("app=agent")}
    assert version == "1"


def test_stateful_set_starts_in_order_and_its_budget_holds_up_a_drain(
    cluster: Cluster, namespace: Namespace
) -> None:
    namespace.apply(STATEFUL_SET)
    namespace.ok("rollout", "status", "statefulset/db", "--timeout=60s")
    pods = {pod["metadata"]["name"]: pod for pod in namespace.ready_pods("app=db")}
    assert sorted(pods) == ["db-0", "db-1", "db-2"]
    ready = [condition(pods[f"db-{n}"], "Ready")["lastTransitionTime"] for n in range(2)]
    created = [pods[f"db-{n}"]["metadata"]["creationTimestamp"] for n in (1, 2)]
    assert all(before <= after for before, after in zip(ready, created, strict=True))
    assert namespace.sh("db-1", "hostname").strip() == "db-1"

    namespace.apply(BUDGET)
    budget = "jsonpath={.status.observedGeneration}"
    until(lambda: namespace.ok("get", "pdb", "db", "-o", budget), "the budget was looked at", 10)
    node = pods["db-2"]["spec"]["nodeName"]
    drain = ("drain", node, "--ignore-daemonsets", "--force", "--pod-selector=app=db")
    held = cluster.kubectl(*drain, "--timeout=5s", namespace=namespace.name)
    try:
        assert held.returncode != 0
        assert "would violate the pod's disruption budget" in held.stderr
        assert "db-2" in [p["metadata"]["name"] for p in namespace.ready_pods("app=db")]
        namespace.ok("patch", "pdb", "db", "--type=merge", "-p", '{"spec":{"maxUnavailable":1}}')
        done = cluster.kubectl(*drain, "--timeout=60s", namespace=namespace.name)
        assert done.returncode == 0, done.stderr
    finally:
        cluster.ok("uncordon", node)
    until(lambda: len(namespace.ready_pods("app=db")) == 3, "the pod runs elsewhere", 30)
    assert namespace.json("get", "pod", "db-2")["spec"]["nodeName"] != node


def test_cron_job_fires(namespace: Namespace) -> None:
    namespace.apply(CRON_JOB)
    earlier = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 120))
    status = f'{{"status":{{"lastScheduleTime":"{earlier}"}}}}'  # or this test would wait for a full minute
    namespace.ok("patch", "cronjob", "tick", "--subresource=status", "--type=merge", "-p", status)
    fired = until(
        lambda: namespace.json("get", "cronjob", "tick")["status"].get("lastSuccessfulTime"),
        "a job of the cron job succeeded",
        45,
    )
    namespace.ok("patch", "cronjob", "tick", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    assert fired <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert all(job["metadata"]["name"].startswith("tick-") for job in namespace.json("get", "jobs")["items"])
