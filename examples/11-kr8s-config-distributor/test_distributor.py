"""The operator in a process of its own, as it runs in production."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("kr8s")

from kubepy.api.resources import CONFIG_MAPS, NAMESPACES

HERE = Path(__file__).parent


@pytest.fixture
def operator(kube_cluster):
    environment = os.environ | {"KUBECONFIG": kube_cluster.kubeconfig}
    process = subprocess.Popen([sys.executable, str(HERE / "distributor.py")], env=environment)
    yield process
    assert process.poll() is None, "the operator has ended"
    process.terminate()
    process.wait(timeout=20)


def namespace(name):
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"wants": "config"}},
    }


SOURCE = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "default", "labels": {"distribute": "true"}},
    "data": {"colour": "blue"},
}


def test_copies_follow_their_source(kube_cluster, operator):
    client = kube_cluster.client
    client.create(NAMESPACES, namespace("one"))
    client.create(CONFIG_MAPS, SOURCE)
    kube_cluster.wait_for("configmaps", "settings", namespace="one", timeout=30)
    client.create(NAMESPACES, namespace("two"))
    kube_cluster.wait_for("configmaps", "settings", namespace="two")
    client.patch(CONFIG_MAPS, "settings", {"data": {"colour": "red"}}, namespace="default")
    for name in ("one", "two"):
        kube_cluster.wait_for(
            "configmaps", "settings", namespace=name, until=lambda c: c["data"] == {"colour": "red"}
        )


def test_a_namespace_that_goes_takes_its_copy(kube_cluster, operator):
    client = kube_cluster.client
    client.create(CONFIG_MAPS, SOURCE)
    client.create(NAMESPACES, namespace("one"))
    kube_cluster.wait_for("configmaps", "settings", namespace="one", timeout=30)
    client.delete(NAMESPACES, "one")
    kube_cluster.wait_for("namespaces", "one", namespace="", absent=True)
    kube_cluster.wait_for("configmaps", "settings", namespace="one", absent=True)
