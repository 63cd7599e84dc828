"""kopf, unmodified: an operator with a custom resource, finalizers, status, events and peering."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import ControlPlane
from .manifests import WIDGETS

pytest.importorskip("kopf", reason="the stock clients are not installed (make clients)")
OPERATOR = Path(__file__).with_name("kopf_operator.py")
PEERINGS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "clusterkopfpeerings.kopf.dev"},
    "spec": {
        "scope": "Cluster",
        "group": "kopf.dev",
        "names": {"kind": "ClusterKopfPeering", "plural": "clusterkopfpeerings"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                        },
                    }
                },
            }
        ],
    },
}


@pytest.fixture
def operator(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Path]:
    for crd in (WIDGETS, PEERINGS):
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(crd))
        control_plane.kubectl("wait", "--for=condition=Established", f"crd/{crd['metadata']['name']}")  # type: ignore[index]
    peering = {"apiVersion": "kopf.dev/v1", "kind": "ClusterKopfPeering", "metadata": {"name": "widgets"}}
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(peering))
    log = tmp_path / "kopf.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kopf", "run", "--all-namespaces", str(OPERATOR)],
            stdout=output,
            stderr=output,
            env=control_plane.environment,
        )
        try:
            yield log
        finally:
            process.terminate()
            process.wait(timeout=20)


def until(check: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.1)


def test_an_operators_life(control_plane: ControlPlane, namespace: str, operator: Path) -> None:
    kubectl = control_plane.kubectl

    def field(kind: str, path: str) -> str:
        return kubectl("get", kind, "-n", namespace, "-o", f"jsonpath={{{path}}}", check=False).stdout

    widget = {
        "apiVersion": "clients.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": "w"},
        "spec": {"size": "small"},
    }
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(widget))
    until(lambda: field("widget/w", ".status.ready") == "true", operator)
    assert field("configmap/w-settings", ".data.colour") == "red"  # the schema's default
    assert field("widget/w", ".status.create.made") == "w-settings"
    assert field("widget/w", ".metadata.finalizers[0]") == "kopf.zalando.org/KopfFinalizerMarker"
    assert field("configmap/w-settings", ".metadata.ownerReferences[0].kind") == "Widget"

    kubectl("patch", "widget/w", "-n", namespace, "--type=merge", "-p", '{"spec":{"size":"large"}}')
    until(lambda: field("configmap/w-settings", ".data.size") == "large", operator)
    until(lambda: "made the settings" in kubectl("get", "events", "-n", namespace).stdout, operator)
    peers = kubectl("get", "clusterkopfpeering/widgets", "-o", "json").stdout
    assert json.loads(peers)["status"]

    kubectl("delete", "widget/w", "-n", namespace, "--timeout=20s")
    assert field("configmap/w-is-gone", ".metadata.name") == "w-is-gone"
    until(lambda: field("configmap/w-settings", ".metadata.name") == "", operator)  # garbage collected
