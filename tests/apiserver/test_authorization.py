"""RBAC with the bootstrap roles, the Node authorizer, access reviews."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import CONFIG_MAPS, PODS, Client, Cluster, config_map, make_default_account, pod

pytestmark = pytest.mark.anyio
RBAC = "/apis/rbac.authorization.k8s.io/v1"


async def grant(admin: Client, user: str, role: str, namespace: str = "") -> None:
    where = f"/namespaces/{namespace}/rolebindings" if namespace else "/clusterrolebindings"
    binding = {
        "metadata": {"name": f"{user}-{role}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    answer = await admin.post(RBAC + where, binding)
    assert answer.status == 201, answer.body


async def test_a_binding_in_a_namespace_grants_there_only(cluster: Cluster) -> None:
    admin, jane = cluster.admin, cluster.client("jane")
    refused = await jane.get(f"{CONFIG_MAPS}/a")
    assert refused.status == 403
    assert refused.message == (
        'configmaps "a" is forbidden: User "jane" cannot get resource "configmaps" in API group "" '
        'in the namespace "default"'
    )
    await grant(admin, "jane", "view", "default")
    await admin.post(CONFIG_MAPS, config_map("a"))
    assert (await jane.get(f"{CONFIG_MAPS}/a")).status == 200
    assert (await jane.get("/api/v1/namespaces/kube-system/configmaps")).status == 403
    assert (await jane.get("/api/v1/configmaps")).message.endswith("at the cluster scope")
    assert (await jane.get("/api/v1/namespaces/default/secrets")).status == 403
    assert (await jane.post(CONFIG_MAPS, config_map("b"))).status == 403
    await admin.delete(f"{RBAC}/namespaces/default/rolebindings/jane-view")
    assert (await jane.get(f"{CONFIG_MAPS}/a")).status == 403


async def test_edit_contains_view_and_admin_contains_edit(cluster: Cluster) -> None:
    admin = cluster.admin
    for user in ("edit", "admin"):
        await grant(admin, user, user, "default")
        caller = cluster.client(user)
        assert (await caller.post(CONFIG_MAPS, config_map(user))).status == 201
        assert (await caller.get(CONFIG_MAPS)).status == 200
        role = {"metadata": {"name": f"r-{user}"}, "rules": []}
        made = await caller.post(f"{RBAC}/namespaces/default/roles", role)
        assert made.status == (201 if user == "admin" else 403)


async def test_subresources_and_names_are_rights_of_their_own(cluster: Cluster) -> None:
    admin = cluster.admin
    rules = [
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["mine"],
            "verbs": ["get", "watch"],
        },
    ]
    await admin.post(f"{RBAC}/clusterroles", {"metadata": {"name": "narrow"}, "rules": rules})
    await grant(admin, "jane", "narrow")
    jane = cluster.client("jane")
    assert (await jane.get(f"{PODS}/p/log")).status == 404
    assert (await jane.get(f"{PODS}/p")).status == 403
    assert (await jane.get(f"{CONFIG_MAPS}/mine")).status == 404
    assert (await jane.get(f"{CONFIG_MAPS}/other")).status == 403
    assert (await jane.get(CONFIG_MAPS)).status == 403
    async with jane.watch(f"{CONFIG_MAPS}?watch=1&fieldSelector=metadata.name%3Dmine") as events:
        await admin.post(CONFIG_MAPS, config_map("mine"))
        assert await events.take(1) == [("ADDED", "mine")]


async def test_a_binding_to_a_missing_role_says_so(cluster: Cluster) -> None:
    await grant(cluster.admin, "jane", "absent")
    refused = await cluster.client("jane").get(CONFIG_MAPS)
    assert refused.message.endswith(': RBAC: clusterrole.rbac.authorization.k8s.io "absent" not found')


async def test_default_roles_are_put_right_and_additions_stay(cluster: Cluster) -> None:
    from kubepy.apiserver.bootstrap import rbac

    admin = cluster.admin
    path = f"{RBAC}/clusterroles/system:basic-user"
    extra = {"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}
    await admin.patch(path, {"rules": [extra]})
    await rbac.reconcile(cluster.server)
    rules = (await admin.get(path)).json["rules"]
    assert extra in rules
    assert len(rules) == 3


async def test_access_reviews(cluster: Cluster) -> None:
    admin, jane = cluster.admin, cluster.client("jane")
    await grant(admin, "jane", "view", "default")

    def asks(namespace: str, verb: str = "list") -> dict[str, Any]:
        return {"spec": {"resourceAttributes": {"namespace": namespace, "verb": verb, "resource": "pods"}}}

    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert (await jane.post(path, asks("default"))).json["status"]["allowed"] is True
    assert (await jane.post(path, asks("kube-system"))).json["status"]["allowed"] is False
    review = asks("default")
    review["spec"]["user"] = "jane"
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    assert (await admin.post(path, review)).json["status"]["allowed"] is True
    assert (await jane.post(path, review)).status == 403
    local = "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews"
    assert (await admin.post(local, review)).json["status"]["allowed"] is True
    rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    answer = (await jane.post(rules, {"spec": {"namespace": "default"}})).json["status"]
    assert any("pods" in rule["resources"] for rule in answer["resourceRules"])
    assert any("/api" in rule["nonResourceURLs"] for rule in answer["nonResourceRules"])


async def test_a_node_reads_what_its_pods_need(cluster: Cluster) -> None:
    admin = cluster.admin
    await make_default_account(admin)
    secrets = "/api/v1/namespaces/default/secrets"
    for name in ("mine", "theirs"):
        await admin.post(secrets, {"metadata": {"name": name}})
    volume = {"name": "s", "secret": {"secretName": "mine"}}
    made = (await admin.post(PODS, pod("p", nodeName="n1", volumes=[volume]))).json
    node = cluster.client("system:node:n1", "system:nodes")
    assert (await node.get(f"{secrets}/mine")).status == 200
    refused = await node.get(f"{secrets}/theirs")
    assert refused.status == 403
    assert refused.message.endswith(": no relationship found between node 'n1' and this object")
    assert (await node.get(secrets)).status == 403
    assert (await cluster.client("system:node:n2", "system:nodes").get(f"{secrets}/mine")).status == 403
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": made["metadata"]["uid"]}
    token = "/api/v1/namespaces/default/serviceaccounts/default/token"
    assert (await node.post(token, {"spec": {"boundObjectRef": reference}})).status == 201
    assert (await node.post(token, {"spec": {}})).status == 403
    await admin.delete(f"{PODS}/p?gracePeriodSeconds=0")
    assert (await node.get(f"{secrets}/mine")).status == 403


async def test_a_node_writes_itself_and_its_pods_only(cluster: Cluster) -> None:
    admin = cluster.admin
    await make_default_account(admin)
    node = cluster.client("system:node:n1", "system:nodes")
    made = await node.post("/api/v1/nodes", {"metadata": {"name": "n1"}})
    assert made.status == 201, made.body
    assert {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"} in made.json["spec"]["taints"]
    other = await node.post("/api/v1/nodes", {"metadata": {"name": "n2"}})
    assert other.message == 'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"'
    label = {"metadata": {"labels": {"node-restriction.kubernetes.io/x": "y"}}}
    assert "not allowed to modify labels" in (await node.patch("/api/v1/nodes/n1", label)).message
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    assert (await node.post(leases, {"metadata": {"name": "n1"}, "spec": {}})).status == 201
    assert (await node.post(leases, {"metadata": {"name": "n2"}, "spec": {}})).status == 403
    await admin.post(PODS, pod("mine", nodeName="n1"))
    await admin.post(PODS, pod("theirs", nodeName="n2"))
    status = {"status": {"phase": "Running"}}
    assert (await node.patch(f"{PODS}/mine/status", status)).status == 200
    assert (await node.patch(f"{PODS}/theirs/status", status)).status == 403
    assert (await node.post(PODS, pod("new", nodeName="n1"))).status == 403
