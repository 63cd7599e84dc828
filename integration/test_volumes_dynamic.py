"""Volumes that nobody made beforehand: the default StorageClass, on the node where the first pod goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.harness import Cluster, Namespace, until

pytestmark = pytest.mark.timeout(300)

STORES = """
apiVersion: v1
kind: Service
metadata:
  name: store
spec:
  clusterIP: None
  selector: {app: store}
  ports:
  - {port: 80}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: store
spec:
  serviceName: store
  replicas: 2
  selector:
    matchLabels: {app: store}
  template:
    metadata:
      labels: {app: store}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {runAsUser: 1000}
      containers:
      - name: c
        image: busybox
        command: [sleep, "3600"]
        volumeMounts:
        - {name: data, mountPath: /data}
  volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      resources:
        requests: {storage: 10Mi}
"""

SCRATCH = """
apiVersion: v1
kind: Pod
metadata:
  name: scratch
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: busybox
    command: [sh, -c, "echo here > /scratch/file && sleep 3600"]
    volumeMounts:
    - {name: scratch, mountPath: /scratch}
  volumes:
  - name: scratch
    ephemeral:
      volumeClaimTemplate:
        spec:
          accessModes: [ReadWriteOnce]
          resources:
            requests: {storage: 10Mi}
"""


def folder_of(cluster: Cluster, volume: str) -> Path:
    """Where the data is: the machines of the tests share the host's file system."""
    return Path(cluster.json("get", "pv", volume)["spec"]["hostPath"]["path"])


def test_the_data_of_a_stateful_set_outlives_its_pods(cluster: Cluster, namespace: Namespace) -> None:
    namespace.apply(STORES)
    until(lambda: len(namespace.ready_pods("app=store")) == 2, "two pods with volumes", 60)
    before = {p["metadata"]["name"]: p for p in namespace.pods("app=store")}
    for name in before:
        namespace.sh(name, f"echo data of {name} > /data/file")
    claims = {c["metadata"]["name"]: c for c in namespace.json("get", "pvc")["items"]}
    assert sorted(claims) == ["data-store-0", "data-store-1"]
    assert {c["spec"]["storageClassName"] for c in claims.values()} == {"local-path"}
    for name, pod in before.items():
        chosen = claims[f"data-{name}"]["metadata"]["annotations"]["volume.kubernetes.io/selected-node"]
        assert chosen == pod["spec"]["nodeName"]

    namespace.ok("delete", "pods", "--all", "--wait=true")
    until(lambda: len(namespace.ready_pods("app=store")) == 2, "the pods are back", 60)
    after = {p["metadata"]["name"]: p for p in namespace.pods("app=store")}
    for name, pod in after.items():
        assert pod["metadata"]["uid"] != before[name]["metadata"]["uid"]
        assert pod["spec"]["nodeName"] == before[name]["spec"]["nodeName"]  # there its data is
        assert namespace.sh(name, "cat /data/file").strip() == f"data of {name}"

    refused = namespace.kubectl(
        "patch", "pvc", "data-store-0", "-p", '{"spec":{"resources":{"requests":{"storage":"1Gi"}}}}'
    )
    assert "the storageclass that provisions the pvc must support resize" in refused.stderr

    folders = [folder_of(cluster, c["spec"]["volumeName"]) for c in claims.values()]
    assert all(folder.is_dir() for folder in folders)
    namespace.ok("delete", "pvc", "--all", "--wait=false")
    listed = namespace.ok("get", "pvc", "--no-headers")
    assert listed.count("Terminating") == 2  # a claim in use is protected
    namespace.ok("delete", "statefulset", "store")
    names = {c["spec"]["volumeName"] for c in claims.values()}

    def gone() -> bool:
        left = {v["metadata"]["name"] for v in cluster.json("get", "pv")["items"]}
        return not left & names and not any(folder.exists() for folder in folders)

    until(gone, "the volumes and what they held are gone", 60)


def test_an_ephemeral_volume_lives_as_long_as_its_pod(cluster: Cluster, namespace: Namespace) -> None:
    namespace.apply(SCRATCH)
    until(lambda: namespace.ready_pods(), "the pod runs", 60)
    claim = namespace.json("get", "pvc", "scratch-scratch")
    folder = folder_of(cluster, claim["spec"]["volumeName"])
    assert (folder / "file").read_text() == "here\n"
    namespace.ok("delete", "pod", "scratch")
    until(lambda: not folder.exists(), "its volume is gone", 60)


def test_a_kept_volume_keeps_its_data(cluster: Cluster, namespace: Namespace) -> None:
    kept = f"kept-{namespace.name}"
    cluster.ok(
        "apply",
        "-f",
        "-",
        stdin=f"""
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {{name: {kept}}}
provisioner: kubepy.io/local-path
reclaimPolicy: Retain
volumeBindingMode: Immediate
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: data, namespace: {namespace.name}}}
spec:
  storageClassName: {kept}
  accessModes: [ReadWriteOnce]
  resources: {{requests: {{storage: 10Mi}}}}
""",
    )
    try:
        until(
            lambda: namespace.json("get", "pvc", "data")["status"].get("phase") == "Bound",
            "bound at once",
            30,
        )
        volume = namespace.json("get", "pvc", "data")["spec"]["volumeName"]
        namespace.ok("delete", "pvc", "data")
        until(lambda: cluster.json("get", "pv", volume)["status"]["phase"] == "Released", "released", 30)
        cluster.ok("delete", "pv", volume)
    finally:
        cluster.ok("delete", "storageclass", kept)
