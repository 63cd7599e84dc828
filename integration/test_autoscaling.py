"""Metrics of nodes and pods on the real cluster, and an autoscaler that lives by them."""

from __future__ import annotations

import json

import pytest

from integration.harness import Cluster, Namespace, until

pytestmark = pytest.mark.timeout(400)

BUSY = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: busy
spec:
  selector:
    matchLabels: {app: busy}
  template:
    metadata:
      labels: {app: busy}
    spec:
      terminationGracePeriodSeconds: 0
      volumes:
      - {name: orders, configMap: {name: orders, optional: true}}
      containers:
      - name: c
        image: busybox
        # Works a tenth of the time, all of it once somebody says so.
        command: [sh, -c, "while :; do test -e /tmp/work || sleep 0.5; i=0; while [ $i -lt 4000 ]; do i=$((i+1)); done; done"]
        resources:
          requests: {cpu: 100m, memory: 16Mi}
          limits: {cpu: 250m}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: busy
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
  minReplicas: 1
  maxReplicas: 3
  metrics:
  - type: Resource
    resource:
      name: cpu
      target: {type: Utilization, averageUtilization: 100}
  behavior:
    scaleDown: {stabilizationWindowSeconds: 0}
"""


def api_available(cluster: Cluster) -> bool:
    found = cluster.json("get", "apiservice", "v1beta1.metrics.k8s.io")
    return any(
        c["type"] == "Available" and c["status"] == "True"
        for c in found.get("status", {}).get("conditions", [])
    )


def test_what_nodes_and_pods_use_is_known(cluster: Cluster) -> None:
    until(lambda: api_available(cluster), "the metrics API is available", 90)
    until(
        lambda: len(cluster.kubectl("top", "nodes", "--no-headers").stdout.splitlines()) == 4,
        "four nodes",
        60,
    )
    shown = cluster.ok("top", "nodes", "--no-headers").splitlines()
    assert sorted(line.split()[0] for line in shown) == sorted(cluster.nodes)
    listed = cluster.ok("top", "pods", "--namespace", "kube-system", "--containers", "--no-headers")
    rows = [line.split() for line in listed.splitlines()]
    assert {row[1] for row in rows} >= {"dns", "metrics-server"}
    assert all(row[2].endswith("m") and row[3].endswith("Mi") for row in rows)
    worker = cluster.workers[0]
    summary = json.loads(cluster.ok("get", "--raw", f"/api/v1/nodes/{worker}/proxy/stats/summary"))
    assert summary["node"]["nodeName"] == worker
    raw = cluster.ok("get", "--raw", f"/api/v1/nodes/{worker}/proxy/metrics/resource")
    assert "node_cpu_usage_seconds_total " in raw


def test_only_who_may_sees_metrics(cluster: Cluster, namespace: Namespace) -> None:
    until(lambda: api_available(cluster), "the metrics API is available", 90)
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace.name}/pods"
    account = f"system:serviceaccount:{namespace.name}:default"
    refused = cluster.kubectl("get", "--raw", path, "--as", account)
    assert refused.returncode == 1
    assert "Forbidden" in refused.stderr or "forbidden" in refused.stderr
    role = (
        "create",
        "rolebinding",
        "view",
        "--clusterrole=view",
        f"--serviceaccount={namespace.name}:default",
    )
    namespace.ok(*role)
    until(
        lambda: cluster.kubectl("get", "--raw", path, "--as", account).returncode == 0,
        "view sees metrics",
        20,
    )


def test_a_busy_deployment_grows_and_an_idle_one_shrinks(cluster: Cluster, namespace: Namespace) -> None:
    until(lambda: api_available(cluster), "the metrics API is available", 90)
    namespace.apply(BUSY)

    def replicas() -> int:
        return int(namespace.json("get", "deployment", "busy")["spec"]["replicas"])

    def reports() -> bool:
        status = namespace.json("get", "hpa", "busy").get("status", {})
        return any("resource" in metric for metric in status.get("currentMetrics") or ())

    until(reports, "the autoscaler knows the pod's metrics", 90)
    assert replicas() == 1
    first = until(lambda: namespace.ready_pods("app=busy"), "a pod that is ready", 30)[0]["metadata"]["name"]
    namespace.sh(first, "touch /tmp/work")
    until(lambda: replicas() >= 2, "scaled up", 120)
    described = namespace.ok("describe", "hpa", "busy")
    assert "cpu resource utilization (percentage of request) above target" in described
    assert "SuccessfulRescale" in described
    namespace.sh(first, "rm /tmp/work")
    until(lambda: replicas() == 1, "scaled down", 150)
    assert "All metrics below target" in namespace.ok("describe", "hpa", "busy")
