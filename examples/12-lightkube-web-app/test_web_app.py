"""Server-side apply as a true server does it: ownership, conflicts, force, the status subresource."""

import pytest

lightkube = pytest.importorskip("lightkube")

from lightkube.core.exceptions import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Service
from lightkube.types import PatchType
from web_apps import WebApp, reconcile

from kubepy.api.resources import CRDS

DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "webapps.examples.kubepy.dev"},
    "spec": {
        "group": "examples.kubepy.dev",
        "scope": "Namespaced",
        "names": {"plural": "webapps", "singular": "webapp", "kind": "WebApp"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "image": {"type": "string"},
                                    "replicas": {"type": "integer", "minimum": 0, "default": 1},
                                },
                            },
                            "status": {
                                "type": "object",
                                "properties": {
                                    "ready": {"type": "integer"},
                                    "observedGeneration": {"type": "integer"},
                                },
                            },
                        },
                    }
                },
            }
        ],
    },
}


@pytest.fixture
def client(kube_cluster):
    kube_cluster.client.create(CRDS, DEFINITION)
    kube_cluster.wait_for(
        "customresourcedefinitions", DEFINITION["metadata"]["name"], condition="Established"
    )
    config = lightkube.KubeConfig.from_file(kube_cluster.kubeconfig)
    return lightkube.Client(config=config, namespace="default")


def web_app(client, **spec):
    metadata = {"name": "shop", "namespace": "default"}
    return client.create(WebApp({"metadata": metadata, "spec": {"image": "nginx", **spec}}))


def test_status_is_a_subresource(kube_cluster, client):
    app = web_app(client, replicas=2)
    reconcile(client, app)
    kube_cluster.wait_for("deployments", "shop", condition="Available")
    reconcile(client, client.get(WebApp, "shop"))
    app = client.get(WebApp, "shop")
    assert app.status == {"ready": 2, "observedGeneration": 1}
    assert app.metadata.generation == 1  # a status is no new specification
    app["status"] = {"ready": 99}
    app.spec["replicas"] = 3
    replaced = client.replace(app)
    assert (replaced.metadata.generation, replaced.status["ready"]) == (2, 2)


def test_defaults_and_validation_are_the_servers(client):
    assert web_app(client).spec["replicas"] == 1
    with pytest.raises(ApiError, match="should be greater than or equal to 0"):
        client.patch(WebApp, "shop", {"spec": {"replicas": -1}}, patch_type=PatchType.MERGE)


def test_two_owners_of_one_field_conflict(kube_cluster, client):
    app = web_app(client, replicas=1)
    reconcile(client, app)
    by_hand = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop"},
        "spec": {"replicas": 5},
    }

    def apply(**options):
        return client.patch(
            Deployment, "shop", by_hand, patch_type=PatchType.APPLY, field_manager="a-human", **options
        )

    with pytest.raises(ApiError) as caught:
        apply()
    assert caught.value.status.code == 409
    assert 'conflict with "web-app-operator": .spec.replicas' in caught.value.status.message
    apply(force=True)
    with pytest.raises(ApiError) as caught:
        reconcile(client, client.get(WebApp, "shop"))
    assert 'conflict with "a-human": .spec.replicas' in caught.value.status.message


def test_what_it_made_goes_with_it(kube_cluster, client):
    reconcile(client, web_app(client))
    kube_cluster.wait_for("services", "shop")
    client.delete(WebApp, "shop")
    kube_cluster.wait_for("deployments", "shop", absent=True)
    kube_cluster.wait_for("services", "shop", absent=True)
    for kind in (Deployment, Service):
        with pytest.raises(ApiError, match="not found"):
            client.get(kind, "shop")
