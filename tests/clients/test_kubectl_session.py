"""A long session with stock kubectl 1.32, against API server and controller-manager."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .conftest import ControlPlane
from .manifests import WIDGETS, config_map, deployment


class Session:
    """kubectl in one namespace."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.control_plane, self.namespace = control_plane, namespace

    def __call__(self, *arguments: str, stdin: Any = "", check: bool = True) -> str:
        text = stdin if isinstance(stdin, str) else json.dumps(stdin)
        done = self.control_plane.kubectl("-n", self.namespace, *arguments, stdin=text, check=check)
        return done.stdout + done.stderr

    def field(self, what: str, path: str) -> str:
        return self("get", what, "-o", f"jsonpath={{{path}}}")


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespace: str) -> Session:
    return Session(control_plane, namespace)


def test_apply_and_diff(kubectl: Session) -> None:
    assert kubectl("apply", "-f", "-", stdin=deployment("web")) == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", "-", stdin=deployment("web")) == "deployment.apps/web unchanged\n"
    changed = deployment("web", 3)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "busybox:2"
    difference = kubectl("diff", "-f", "-", stdin=changed, check=False)
    assert "-  replicas: 2\n+  replicas: 3\n" in difference
    assert "-      - image: busybox\n+      - image: busybox:2\n" in difference
    assert kubectl("apply", "-f", "-", stdin=changed) == "deployment.apps/web configured\n"
    assert kubectl("diff", "-f", "-", stdin=changed) == ""
    kubectl("apply", "-f", "-", stdin=config_map("c", a="1", b="2"))
    kubectl("apply", "-f", "-", stdin=config_map("c", b="3"))
    assert json.loads(kubectl.field("configmap/c", ".data")) == {"b": "3"}
    dry = kubectl("apply", "-f", "-", "--dry-run=server", stdin=config_map("never"))
    assert dry == "configmap/never created (server dry run)\n"
    assert "NotFound" in kubectl("get", "configmap/never", check=False)


def test_apply_server_side(kubectl: Session) -> None:
    applied = kubectl("apply", "--server-side", "-f", "-", stdin=config_map("c", a="1"))
    assert applied == "configmap/c serverside-applied\n"
    other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    refused = kubectl(*other, stdin=config_map("c", a="2"), check=False)
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .data.a' in refused
    kubectl(*other, "--force-conflicts", stdin=config_map("c", a="2"))
    shown = json.loads(kubectl("get", "configmap/c", "-o", "json", "--show-managed-fields"))
    managers = {m["manager"]: m for m in shown["metadata"]["managedFields"]}
    assert managers["other"]["fieldsV1"] == {"f:data": {"f:a": {}}}
    assert "kubectl" not in managers
    # Migration: what client-side apply owned, server-side apply takes over without a conflict.
    kubectl("apply", "-f", "-", stdin=config_map("m", a="1", b="1"))
    kubectl("apply", "--server-side", "-f", "-", stdin=config_map("m", a="2"))
    assert json.loads(kubectl.field("configmap/m", ".data")) == {"a": "2"}


def test_create_expose_set_scale_autoscale(kubectl: Session) -> None:
    kubectl("create", "deployment", "web", "--image=busybox", "--replicas=2", "--port=80")
    assert kubectl("expose", "deployment/web", "--port=8080", "--target-port=80") == "service/web exposed\n"
    assert kubectl.field("service/web", ".spec.ports[0].targetPort") == "80"
    kubectl("set", "image", "deployment/web", "busybox=nginx")
    kubectl("set", "env", "deployment/web", "A=b")
    kubectl("set", "resources", "deployment/web", "--limits=cpu=200m,memory=64Mi")
    container = json.loads(kubectl.field("deployment/web", ".spec.template.spec.containers[0]"))
    assert (container["image"], container["env"]) == ("nginx", [{"name": "A", "value": "b"}])
    assert container["resources"]["limits"] == {"cpu": "200m", "memory": "64Mi"}
    assert kubectl("scale", "deployment/web", "--replicas=4") == "deployment.apps/web scaled\n"
    kubectl("autoscale", "deployment/web", "--min=1", "--max=5", "--cpu-percent=50")
    assert kubectl.field("hpa/web", ".spec.metrics[0].resource.target.averageUtilization") == "50"
    kubectl("create", "serviceaccount", "robot")
    kubectl("set", "serviceaccount", "deployment/web", "robot")
    assert kubectl.field("deployment/web", ".spec.template.spec.serviceAccountName") == "robot"
    kubectl("create", "secret", "generic", "s", "--from-literal=a=b")
    kubectl("create", "ingress", "i", "--rule=a.example.com/*=web:8080,tls=s")
    kubectl("create", "job", "j", "--image=busybox")
    kubectl("create", "cronjob", "cj", "--image=busybox", "--schedule=*/5 * * * *")
    kubectl("create", "quota", "q", "--hard=pods=10")
    kubectl("create", "poddisruptionbudget", "p", "--selector=app=web", "--min-available=1")
    listed = kubectl("get", "deploy,svc,ing,job,cj,quota,pdb,hpa,sa,secret", "-o", "name").split()
    assert {"deployment.apps/web", "ingress.networking.k8s.io/i", "cronjob.batch/cj", "secret/s"} <= set(
        listed
    )


def test_rollout(kubectl: Session) -> None:
    kubectl("apply", "-f", "-", stdin=deployment("web", 1))
    kubectl("wait", "--for=jsonpath={.status.observedGeneration}=1", "deployment/web", "--timeout=10s")
    kubectl("set", "image", "deployment/web", "web=busybox:2")
    kubectl("wait", "--for=jsonpath={.status.observedGeneration}=2", "deployment/web", "--timeout=10s")
    kubectl("rollout", "restart", "deployment/web")
    kubectl("wait", "--for=jsonpath={.status.observedGeneration}=3", "deployment/web", "--timeout=10s")
    history = kubectl("rollout", "history", "deployment/web").splitlines()
    assert [line.split()[0] for line in history[2:] if line] == ["1", "2", "3"]
    assert "busybox:2" in kubectl("rollout", "history", "deployment/web", "--revision=2")
    assert kubectl("rollout", "pause", "deployment/web") == "deployment.apps/web paused\n"
    assert kubectl("rollout", "resume", "deployment/web") == "deployment.apps/web resumed\n"
    assert (
        kubectl("rollout", "undo", "deployment/web", "--to-revision=1") == "deployment.apps/web rolled back\n"
    )
    assert kubectl.field("deployment/web", ".spec.template.spec.containers[0].image") == "busybox"
    waiting = kubectl("rollout", "status", "deployment/web", "--timeout=1s", check=False)
    assert "Waiting for deployment" in waiting


def test_edit_replace_patch_label_annotate(kubectl: Session, tmp_path: Path) -> None:
    kubectl("create", "-f", "-", stdin=config_map("c", a="1"))
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i \'s/a: "1"/a: "2"/\' "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IEXEC)
    os.environ["KUBE_EDITOR"] = str(editor)
    try:
        assert kubectl("edit", "configmap/c") == "configmap/c edited\n"
    finally:
        del os.environ["KUBE_EDITOR"]
    assert kubectl.field("configmap/c", ".data.a") == "2"
    assert kubectl("replace", "-f", "-", stdin=config_map("c", z="9")) == "configmap/c replaced\n"
    assert kubectl("label", "configmap/c", "x=y") == "configmap/c labeled\n"
    assert "already has a value" in kubectl("label", "configmap/c", "x=z", check=False)
    assert kubectl("label", "configmap/c", "x=z", "--overwrite") == "configmap/c labeled\n"
    assert kubectl("label", "configmap/c", "x-") == "configmap/c unlabeled\n"
    assert kubectl("annotate", "configmap/c", "note=hello world") == "configmap/c annotated\n"
    kubectl("patch", "configmap/c", "--type=json", "-p", '[{"op":"add","path":"/data/n","value":"1"}]')
    kubectl("patch", "configmap/c", "--type=merge", "-p", '{"data":{"m":"2"}}')
    assert json.loads(kubectl.field("configmap/c", ".data")) == {"z": "9", "n": "1", "m": "2"}
    stale = {**config_map("c"), "metadata": {"name": "c", "resourceVersion": "1"}}
    assert "the object has been modified" in kubectl("replace", "-f", "-", stdin=stale, check=False)
    assert kubectl("delete", "configmap/c") == 'configmap "c" deleted\n'


def test_explain_and_discovery(kubectl: Session) -> None:
    text = kubectl("explain", "deployment.spec.strategy")
    assert "FIELD: strategy <DeploymentStrategy>" in text
    assert "enum: Recreate, RollingUpdate" in text or "type\t<string>" in text
    for kind in (
        "pod.spec.containers",
        "crd.spec.versions",
        "hpa.spec.behavior",
        "networkpolicy",
        "apiservice",
    ):
        assert "KIND:" in kubectl("explain", kind)
    resources = kubectl("api-resources", "--namespaced=false", "-o", "name").split()
    assert {"nodes", "customresourcedefinitions.apiextensions.k8s.io", "csidrivers.storage.k8s.io"} <= set(
        resources
    )
    assert "apps/v1" in kubectl("api-versions").split()


def test_auth(kubectl: Session) -> None:
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    assert "no" in kubectl("auth", "can-i", "create", "pods", "--as=nobody", check=False)
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods")
    kubectl("create", "rolebinding", "reader", "--role=reader", "--user=nobody")
    assert kubectl("auth", "can-i", "get", "pods", "--as=nobody") == "yes\n"
    listed = kubectl("auth", "can-i", "--list", "--as=nobody")
    assert "pods" in listed
    assert "kubernetes-admin" in kubectl("auth", "whoami")
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "reader", "namespace": kubectl.namespace},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
    }
    assert "reader reconciled" in kubectl("auth", "reconcile", "-f", "-", stdin=role)
    token = kubectl("create", "token", "default").strip()
    assert token.count(".") == 2


def test_escalation_is_refused(kubectl: Session) -> None:
    kubectl("create", "role", "maker", "--verb=create", "--resource=roles.rbac.authorization.k8s.io")
    kubectl("create", "rolebinding", "maker", "--role=maker", "--user=eve")
    refused = kubectl("create", "role", "more", "--verb=get", "--resource=secrets", "--as=eve", check=False)
    assert "is attempting to grant RBAC permissions not currently held" in refused
    assert '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}' in refused


def test_certificate(kubectl: Session, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")]))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    csr = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "jane"},
        "spec": {
            "request": base64.b64encode(request).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
        },
    }
    kubectl("create", "-f", "-", stdin=csr)
    assert "approved" in kubectl("certificate", "approve", "jane")
    kubectl("wait", "--for=jsonpath={.status.certificate}", "csr/jane", "--timeout=10s")
    certificate = base64.b64decode(kubectl.field("csr/jane", ".status.certificate"))
    (tmp_path / "jane.crt").write_bytes(certificate)
    (tmp_path / "jane.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    cluster = yaml.safe_load(kubectl.control_plane.kubeconfig.read_text())["clusters"][0]["cluster"]
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    who = kubectl(
        "--kubeconfig=/dev/null",
        f"--server={cluster['server']}",
        f"--certificate-authority={tmp_path / 'ca.crt'}",
        f"--client-certificate={tmp_path / 'jane.crt'}",
        f"--client-key={tmp_path / 'jane.key'}",
        "auth",
        "whoami",
    )
    assert "jane" in who
    kubectl("delete", "csr/jane")


def test_custom_resources(kubectl: Session) -> None:
    kubectl("apply", "-f", "-", stdin=WIDGETS)
    kubectl("wait", "--for=condition=Established", "crd/widgets.clients.example.com", "--timeout=10s")
    widget = {"apiVersion": "clients.example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    refused = kubectl("apply", "-f", "-", stdin={**widget, "spec": {"size": "huge"}}, check=False)
    assert 'spec.size: Unsupported value: "huge": supported values: "small", "large"' in refused
    refused = kubectl(
        "apply", "-f", "-", stdin={**widget, "spec": {"size": "large", "replicas": 4}}, check=False
    )
    assert "large widgets come in threes at most" in refused
    kubectl("apply", "-f", "-", stdin={**widget, "spec": {"size": "small"}})
    assert kubectl("get", "wd").split() == ["NAME", "SIZE", "READY", "w", "small"]
    assert kubectl("scale", "widget/w", "--replicas=2") == "widget.clients.example.com/w scaled\n"
    assert kubectl.field("widget/w", ".spec") == '{"colour":"red","replicas":2,"size":"small"}'
    kubectl("patch", "widget/w", "--subresource=status", "--type=merge", "-p", '{"status":{"ready":true}}')
    assert "true" in kubectl("get", "wd/w")
    assert "How large it is." in kubectl("explain", "widget.spec.size")
    assert "unknown field" in kubectl(
        "apply", "-f", "-", stdin={**widget, "spec": {"size": "small", "x": 1}}, check=False
    )


def test_debug_run_and_events(kubectl: Session) -> None:
    kubectl("run", "p", "--image=busybox", "--", "sleep", "100")
    assert kubectl.field("pod/p", ".spec.containers[0].args") == '["sleep","100"]'
    kubectl(
        "debug", "pod/p", "--image=busybox", "--container=dbg", "--attach=false", "-q", "--profile=general"
    )
    assert kubectl.field("pod/p", ".spec.ephemeralContainers[0].name") == "dbg"
    kubectl("debug", "pod/p", "--image=busybox", "--copy-to=p2", "--attach=false", "-q", "--profile=general")
    assert kubectl.field("pod/p2", ".spec.containers[0].name") == "p"
    assert "No events found" in kubectl("events", "--for=pod/p") or "LAST SEEN" in kubectl(
        "events", "--for=pod/p"
    )
    described = kubectl("describe", "pod/p")
    assert "Status:           Pending" in described


def test_a_namespace_and_a_definition_take_their_instances_along(kubectl: Session) -> None:
    crd = json.loads(
        json.dumps(WIDGETS).replace("widget", "gizmo").replace("Widget", "Gizmo").replace('"wd"', '"gz"')
    )
    kubectl("apply", "-f", "-", stdin=crd)
    kubectl("wait", "--for=condition=Established", "crd/gizmos.clients.example.com", "--timeout=10s")
    gizmo = {"apiVersion": "clients.example.com/v1", "kind": "Gizmo", "spec": {"size": "small"}}
    kubectl("create", "namespace", "gizmo-land")
    for name in ("a", "b"):
        kubectl("apply", "-n", "gizmo-land", "-f", "-", stdin={**gizmo, "metadata": {"name": name}})
    held = {"name": "held", "finalizers": ["example.com/hold"]}
    kubectl("apply", "-n", "gizmo-land", "-f", "-", stdin={**gizmo, "metadata": held})
    kubectl("delete", "namespace", "gizmo-land", "--wait=false")
    kubectl("wait", "--for=delete", "gizmo/a", "gizmo/b", "-n", "gizmo-land", "--timeout=20s")
    kubectl(
        "wait", "--for=jsonpath={.status.conditions[?(@.type==\"NamespaceFinalizersRemaining\")].status}=True",
        "namespace/gizmo-land", "--timeout=20s",
    )  # fmt: skip
    message = '{.status.conditions[?(@.type=="NamespaceFinalizersRemaining")].message}'
    assert "example.com/hold in 1 resource instances" in kubectl.field("namespace/gizmo-land", message[1:-1])
    kubectl(
        "patch", "gizmo/held", "-n", "gizmo-land", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
    )
    kubectl("wait", "--for=delete", "namespace/gizmo-land", "--timeout=20s")
    kubectl("apply", "-f", "-", stdin={**gizmo, "metadata": {"name": "last"}})
    kubectl("delete", "crd/gizmos.clients.example.com", "--timeout=20s")
    assert "the server could not find the requested resource" in kubectl("get", "gizmos", check=False)
