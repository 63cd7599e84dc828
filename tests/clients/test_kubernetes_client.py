"""The official Python client, unmodified: typed API, dynamic client, watch, errors."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

import pytest

from .conftest import ControlPlane
from .manifests import config_map, deployment

kubernetes = pytest.importorskip("kubernetes", reason="the stock clients are not installed (make clients)")


@pytest.fixture
def api(control_plane: ControlPlane) -> Iterator[object]:
    client = kubernetes.config.new_client_from_config(str(control_plane.kubeconfig))
    yield client
    client.close()


def test_typed_api(api: object, namespace: str) -> None:
    apps, core = kubernetes.client.AppsV1Api(api), kubernetes.client.CoreV1Api(api)
    made = apps.create_namespaced_deployment(namespace, deployment("web"))
    assert (made.spec.strategy.type, made.spec.template.spec.restart_policy) == ("RollingUpdate", "Always")
    changed = made
    while changed.spec.replicas != 3:
        current = apps.read_namespaced_deployment("web", namespace)
        current.spec.replicas = 3
        with contextlib.suppress(
            kubernetes.client.ApiException
        ):  # its controller writes the status meanwhile
            changed = apps.replace_namespaced_deployment("web", namespace, current)
    assert changed.metadata.generation == 2
    with pytest.raises(kubernetes.client.ApiException) as conflict:
        apps.replace_namespaced_deployment("web", namespace, made)
    assert (conflict.value.status, conflict.value.reason) == (409, "Conflict")
    apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 1}})
    assert apps.read_namespaced_deployment_scale("web", namespace).spec.replicas == 1
    core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
    assert core.read_namespaced_secret("s", namespace).data == {"a": "Yg=="}
    with pytest.raises(kubernetes.client.ApiException) as missing:
        core.read_namespaced_pod("nobody", namespace)
    assert missing.value.status == 404
    assert 'pods \\"nobody\\" not found' in missing.value.body


def test_pages_and_selectors(api: object, namespace: str) -> None:
    core = kubernetes.client.CoreV1Api(api)
    for number in range(7):
        body = config_map(f"c{number}")
        body["metadata"]["labels"] = {"even": str(number % 2 == 0).lower()}
        core.create_namespaced_config_map(namespace, body)
    page = core.list_namespaced_config_map(namespace, limit=3, label_selector="even")
    names = [item.metadata.name for item in page.items]
    assert page.metadata._continue
    while page.metadata._continue:
        page = core.list_namespaced_config_map(
            namespace, limit=3, label_selector="even", _continue=page.metadata._continue
        )
        names += [item.metadata.name for item in page.items]
    assert names == [f"c{number}" for number in range(7)]
    even = core.list_namespaced_config_map(namespace, label_selector="even=true").items
    assert [item.metadata.name for item in even] == ["c0", "c2", "c4", "c6"]


def test_watch(api: object, namespace: str) -> None:
    core, watch = kubernetes.client.CoreV1Api(api), kubernetes.watch.Watch()
    core.create_namespaced_config_map(namespace, config_map("first"))
    seen: list[tuple[str, str]] = []
    begun = threading.Event()

    def look() -> None:
        for event in watch.stream(core.list_namespaced_config_map, namespace, timeout_seconds=20):
            name = event["object"].metadata.name
            if name != "kube-root-ca.crt":
                seen.append((event["type"], name))
                begun.set()
            if event["type"] == "DELETED":
                watch.stop()

    watching = threading.Thread(target=look)
    watching.start()
    assert begun.wait(timeout=20)
    core.create_namespaced_config_map(namespace, config_map("second"))
    core.delete_namespaced_config_map("first", namespace)
    watching.join(timeout=20)
    assert seen == [("ADDED", "first"), ("ADDED", "second"), ("DELETED", "first")]


def test_dynamic_client_discovers_applies_and_watches(api: object, namespace: str) -> None:
    from kubernetes import dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = dynamic.DynamicClient(api)
    resource = client.resources.get(api_version="apps/v1", kind="Deployment")
    applied = client.server_side_apply(
        resource, body=deployment("ssa"), name="ssa", namespace=namespace, field_manager="test"
    )
    assert applied.metadata.managedFields[0].manager == "test"
    assert applied.metadata.managedFields[0].operation == "Apply"
    with pytest.raises(dynamic.exceptions.ConflictError) as conflict:
        client.server_side_apply(
            resource, body=deployment("ssa", 5), name="ssa", namespace=namespace, field_manager="other"
        )
    assert "conflict with" in str(conflict.value.summary())
    listed = resource.get(namespace=namespace, label_selector="app=ssa")
    assert [item.metadata.name for item in listed.items] == ["ssa"]
    services = client.resources.get(api_version="v1", kind="Service")
    body = {"metadata": {"name": "svc"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "ssa"}}}
    assert services.create(body=body, namespace=namespace).spec.clusterIP.startswith("10.")


def test_access_reviews_and_tokens(api: object, namespace: str) -> None:
    core = kubernetes.client.CoreV1Api(api)
    token = core.create_namespaced_service_account_token(
        "default", namespace, {"spec": {"audiences": [], "expirationSeconds": 600}}
    )
    review = kubernetes.client.AuthenticationV1Api(api).create_token_review(
        {"spec": {"token": token.status.token}}
    )
    assert review.status.authenticated
    assert review.status.user.username == f"system:serviceaccount:{namespace}:default"
    attributes = {"namespace": namespace, "verb": "get", "resource": "pods"}
    may = kubernetes.client.AuthorizationV1Api(api).create_subject_access_review(
        {"spec": {"user": "nobody", "resourceAttributes": attributes}}
    )
    assert may.status.allowed is False
