"""Leader election, quota and admission, all enforced by the cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

kubernetes = pytest.importorskip("kubernetes")

from kubernetes.client.exceptions import ApiException
from webhook import serving

HERE = Path(__file__).parent


@pytest.fixture
def core(kube_cluster):
    api = kubernetes.config.new_client_from_config(kube_cluster.kubeconfig)
    yield kubernetes.client.CoreV1Api(api)
    api.close()


@pytest.fixture
def start(kube_cluster):
    started = []

    def start(identity):
        environment = os.environ | {"KUBECONFIG": kube_cluster.kubeconfig}
        process = subprocess.Popen([sys.executable, str(HERE / "team_keeper.py"), identity], env=environment)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def team(core, name):
    metadata = kubernetes.client.V1ObjectMeta(name=name, labels={"team": name})
    core.create_namespace(kubernetes.client.V1Namespace(metadata=metadata))


def pod(name, image):
    container = kubernetes.client.V1Container(name="c", image=image)
    metadata = kubernetes.client.V1ObjectMeta(name=name)
    return kubernetes.client.V1Pod(
        metadata=metadata, spec=kubernetes.client.V1PodSpec(containers=[container])
    )


def test_one_leads_and_another_takes_over(kube_cluster, core, start):
    first = start("first")
    lease = {"namespace": "default", "timeout": 30}
    kube_cluster.wait_for(
        "leases", "team-keeper", until=lambda o: o["spec"].get("holderIdentity") == "first", **lease
    )
    start("second")
    team(core, "red")
    quota = kube_cluster.wait_for("resourcequotas", "team", namespace="red", timeout=30)
    assert quota["metadata"]["annotations"] == {"given-by": "first"}
    first.kill()
    kube_cluster.wait_for(
        "leases", "team-keeper", until=lambda o: o["spec"].get("holderIdentity") == "second", **lease
    )
    team(core, "blue")
    quota = kube_cluster.wait_for("resourcequotas", "team", namespace="blue", timeout=30)
    assert quota["metadata"]["annotations"] == {"given-by": "second"}


def test_the_quota_is_enforced(kube_cluster, core, start):
    start("only")
    team(core, "red")
    kube_cluster.wait_for(
        "resourcequotas", "team", namespace="red", until=lambda q: q.get("status", {}).get("used"), timeout=30
    )
    kube_cluster.wait_for("serviceaccounts", "default", namespace="red")
    for number in range(3):
        core.create_namespaced_pod("red", pod(f"p{number}", "nginx:1"))
    with pytest.raises(
        ApiException, match="exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3"
    ):
        core.create_namespaced_pod("red", pod("p3", "nginx:1"))


def test_the_webhook_has_a_say_in_every_pod(kube_cluster, core, tmp_path):
    with serving(tmp_path) as client_config:
        hook = {
            "name": "images.examples.kubepy.dev",
            "clientConfig": client_config,
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
            ],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        body = {"metadata": {"name": "images"}, "webhooks": [hook]}
        admission = kubernetes.client.AdmissionregistrationV1Api(core.api_client)
        admission.create_validating_webhook_configuration(body)
        core.create_namespaced_pod("default", pod("good", "nginx:1.27"))
        with pytest.raises(ApiException) as caught:
            core.create_namespaced_pod("default", pod("bad", "nginx"))
        assert caught.value.status == 403
        assert "image nginx has no version" in caught.value.body
        with kube_cluster.faults.webhook_down(), pytest.raises(ApiException) as caught:
            core.create_namespaced_pod("default", pod("good-too", "nginx:1.27"))
        assert caught.value.status == 500
        assert "failed calling webhook" in caught.value.body
