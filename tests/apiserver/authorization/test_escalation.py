"""Roles and bindings cannot give more than their writer holds."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.apiserver.authorization.escalation import uncovered
from tests.apiserver.conftest import PODS, Client, Cluster, make_default_account, pod

pytestmark = pytest.mark.anyio
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES = f"{RBAC}/namespaces/default/roles"
BINDINGS = f"{RBAC}/namespaces/default/rolebindings"
GROUP = "rbac.authorization.k8s.io"


def rule(verbs: list[str], *resources: str, group: str = "", **more: Any) -> dict[str, Any]:
    return {"verbs": verbs, "apiGroups": [group], "resources": list(resources), **more}


async def grant(admin: Client, user: str, *rules: dict[str, Any], name: str = "r") -> None:
    assert (await admin.post(ROLES, {"metadata": {"name": name}, "rules": list(rules)})).status == 201
    made = await admin.post(BINDINGS, binding(name, user, name))
    assert made.status == 201, made.body


def binding(name: str, user: str, role: str, kind: str = "Role") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}],
    }


def test_what_is_covered() -> None:
    held = [
        rule(["get", "list"], "pods", "*/scale"),
        rule(["*"], "secrets", resourceNames=["mine"]),
        {"verbs": ["get"], "nonResourceURLs": ["/healthz/*"]},
    ]
    assert uncovered(held, [rule(["get"], "pods", "deployments/scale")]) == []
    assert uncovered(held, [rule(["delete"], "secrets", resourceNames=["mine"])]) == []
    assert uncovered(held, [{"verbs": ["get"], "nonResourceURLs": ["/healthz/etcd"]}]) == []
    assert uncovered(held, [rule(["delete"], "secrets", resourceNames=["theirs"])])
    assert uncovered(held, [rule(["delete"], "secrets")])
    assert uncovered(held, [rule(["get"], "pods/log")])
    assert uncovered(held, [{"verbs": ["get"], "nonResourceURLs": ["/*"]}])


async def test_a_role_may_not_hold_more_than_its_writer(cluster: Cluster) -> None:
    admin = cluster.admin
    await grant(admin, "rosa", rule(["*"], "roles", group=GROUP), rule(["get"], "pods"))
    rosa = cluster.client("rosa", "dev", "ops")
    assert (
        await rosa.post(ROLES, {"metadata": {"name": "ok"}, "rules": [rule(["get"], "pods")]})
    ).status == 201
    # "*" on roles includes the verb escalate, so a narrower grant is needed to see the refusal.
    await grant(admin, "hugo", rule(["create", "update", "get"], "roles", group=GROUP), name="hugos")
    hugo = cluster.client("hugo", "dev", "ops")
    wanted = [rule(["get", "list"], "secrets"), rule(["get"], "configmaps", resourceNames=["x"])]
    refused = await hugo.post(ROLES, {"metadata": {"name": "more"}, "rules": wanted})
    assert refused.status == 403
    assert refused.message == (
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "hugo" '
        '(groups=["dev" "ops" "system:authenticated"]) is attempting to grant RBAC permissions not '
        "currently held:\n"
        '{APIGroups:[""], Resources:["configmaps"], ResourceNames:["x"], Verbs:["get"]}\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}'
    )
    # A change that touches no rule is fine.
    held = (await hugo.get(f"{ROLES}/r")).json
    held["metadata"]["labels"] = {"a": "b"}
    assert (await hugo.put(f"{ROLES}/r", held)).status == 200


async def test_binding_needs_the_verb_bind_or_the_permissions(cluster: Cluster) -> None:
    admin = cluster.admin
    await grant(admin, "rosa", rule(["create", "update", "get"], "rolebindings", group=GROUP))
    await admin.post(ROLES, {"metadata": {"name": "secret"}, "rules": [rule(["get"], "secrets")]})
    rosa = cluster.client("rosa", "dev", "ops")
    refused = await rosa.post(BINDINGS, binding("b", "rosa", "secret"))
    assert refused.message.startswith(
        'rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "rosa" '
        '(groups=["dev" "ops" "system:authenticated"]) is attempting to grant RBAC permissions not '
        "currently held:\n"
    )
    missing = await rosa.post(BINDINGS, binding("b", "rosa", "nosuch"))
    assert missing.message == 'roles.rbac.authorization.k8s.io "nosuch" not found'
    await grant(admin, "rosa", rule(["bind"], "roles", group=GROUP, resourceNames=["secret"]), name="bind")
    assert (await rosa.post(BINDINGS, binding("b", "rosa", "secret"))).status == 201
    assert (await rosa.post(BINDINGS, binding("c", "rosa", "cluster-admin", "ClusterRole"))).status == 403


async def test_a_node_reads_pods_of_its_own_only(cluster: Cluster) -> None:
    admin = cluster.admin
    await make_default_account(admin)
    await admin.post(PODS, pod("mine", nodeName="n1"))
    await admin.post(PODS, pod("theirs", nodeName="n2"))
    node = cluster.client("system:node:n1", "system:nodes")
    assert (await node.get(f"{PODS}/mine")).status == 200
    assert (await node.get(f"{PODS}/theirs")).status == 403
    assert (await node.get(f"{PODS}/nosuch")).status == 404
    assert (await node.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1")).status == 200
    refused = await node.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn2")
    assert refused.status == 403
    assert refused.message.endswith(": can only list/watch pods with spec.nodeName field selector")
    assert (await node.get("/api/v1/pods")).status == 403


async def test_a_node_reads_what_mounting_its_volumes_takes(cluster: Cluster) -> None:
    admin = cluster.admin
    await make_default_account(admin)
    secrets = "/api/v1/namespaces/default/secrets"
    for name in ("mount", "other"):
        await admin.post(secrets, {"metadata": {"name": name}})
    csi = {
        "driver": "x",
        "volumeHandle": "1",
        "nodeStageSecretRef": {"name": "mount", "namespace": "default"},
    }
    volume = {
        "metadata": {"name": "pv"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "csi": csi,
            "claimRef": {"namespace": "default", "name": "data"},
        },
    }
    assert (await admin.post("/api/v1/persistentvolumes", volume)).status == 201
    mounted = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    await admin.post(PODS, pod("p", nodeName="n1", volumes=mounted))
    mine, other = (cluster.client(f"system:node:{name}", "system:nodes") for name in ("n1", "n2"))
    assert (await mine.get(f"{secrets}/mount")).status == 200
    assert (await mine.get(f"{secrets}/other")).status == 403
    assert (await other.get(f"{secrets}/mount")).status == 403
    attachments = "/apis/storage.k8s.io/v1/volumeattachments"
    made = {
        "metadata": {"name": "a"},
        "spec": {"attacher": "x", "nodeName": "n1", "source": {"persistentVolumeName": "pv"}},
    }
    assert (await admin.post(attachments, made)).status == 201
    assert (await mine.get(f"{attachments}/a")).status == 200
    assert (await other.get(f"{attachments}/a")).status == 403
