"""kopf's own test runner, and a true cluster behind it: finalizers, status, garbage collection, retries."""

from pathlib import Path

import pytest

kopf_testing = pytest.importorskip("kopf.testing")

from kubepy.api.resources import CRDS
from kubepy.machinery.gvk import GVR

HERE = Path(__file__).parent
GREETINGS = GVR("examples.kubepy.dev", "v1", "greetings")
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "greetings.examples.kubepy.dev"},
    "spec": {
        "group": "examples.kubepy.dev",
        "scope": "Namespaced",
        "names": {"plural": "greetings", "singular": "greeting", "kind": "Greeting"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["to"],
                                "properties": {"to": {"type": "string"}},
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}
GREETING = {
    "apiVersion": "examples.kubepy.dev/v1",
    "kind": "Greeting",
    "metadata": {"name": "morning", "namespace": "default"},
    "spec": {"to": "world"},
}


@pytest.fixture
def operator(kube_cluster, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", kube_cluster.kubeconfig)
    # The official client, by which kopf logs in, looks at the variable only when it is imported.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", kube_cluster.kubeconfig)
    kube_cluster.client.create(CRDS, DEFINITION)
    kube_cluster.wait_for(
        "customresourcedefinitions", DEFINITION["metadata"]["name"], condition="Established"
    )
    command = ["run", "--standalone", "--all-namespaces", str(HERE / "greeter.py")]
    with kopf_testing.KopfRunner(command, timeout=60) as runner:
        yield runner
    assert runner.exit_code == 0, runner.output


def test_a_greeting_gets_its_letter_and_loses_it(kube_cluster, operator):
    client = kube_cluster.client
    made = client.create(GREETINGS, GREETING)
    letter = kube_cluster.wait_for("configmaps", "morning-letter")
    assert letter["data"] == {"text": "Hello, world!"}
    assert letter["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    greeting = kube_cluster.wait_for(
        "greetings", "morning", until=lambda g: g.get("status", {}).get("letters") == 1
    )
    assert greeting["metadata"]["finalizers"]  # kopf wants to hear of the deletion

    client.patch(GREETINGS, "morning", {"spec": {"to": "moon"}}, namespace="default")
    kube_cluster.wait_for("configmaps", "morning-letter", until=lambda c: c["data"]["text"] == "Hello, moon!")

    client.delete(GREETINGS, "morning", namespace="default")
    kube_cluster.wait_for("greetings", "morning", absent=True)
    kube_cluster.wait_for("configmaps", "morning-goodbye")
    kube_cluster.wait_for("configmaps", "morning-letter", absent=True)  # the garbage collector's work


def test_a_conflict_does_not_stop_it(kube_cluster, operator):
    lost = kube_cluster.faults.error("greetings", code=500, verbs={"patch"}, times=1)
    kube_cluster.client.create(GREETINGS, GREETING)
    kube_cluster.wait_for("greetings", "morning", until=lambda g: g.get("status", {}).get("letters") == 1)
    assert lost.hits == 1
