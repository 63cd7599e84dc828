"""The smaller plugins, and what passes admission besides plain writes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.conftest import PODS, Client, Cluster, Keys, make_default_account, pod, running

from .hooks import VALIDATING, configuration, hook_server, rule, webhook

pytestmark = pytest.mark.anyio
CORE = "/api/v1/namespaces/default"
CLAIMS = f"{CORE}/persistentvolumeclaims"


def claim(name: str, **spec: Any) -> dict[str, Any]:
    resources = {"requests": {"storage": "1Gi"}}
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": resources, **spec},
    }


async def test_claims_grow_only_when_their_class_says_so(admin: Client) -> None:
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    for name, allowed in (("fixed", False), ("growing", True)):
        made = {"metadata": {"name": name}, "provisioner": "x/y", "allowVolumeExpansion": allowed}
        assert (await admin.post(classes, made)).status == 201
        await admin.post(CLAIMS, claim(name, storageClassName=name))
    bigger = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    refused = await admin.patch(f"{CLAIMS}/growing", bigger)
    assert refused.status in (403, 422)
    for name in ("fixed", "growing"):
        await admin.patch(f"{CLAIMS}/{name}/status", {"status": {"phase": "Bound"}})
    refused = await admin.patch(f"{CLAIMS}/fixed", bigger)
    assert refused.message == (
        'persistentvolumeclaims "fixed" is forbidden: only dynamically provisioned pvc can be resized and the '
        "storageclass that provisions the pvc must support resize"
    )
    assert (await admin.patch(f"{CLAIMS}/growing", bigger)).status == 200


async def test_a_bound_pod_learns_its_zone(admin: Client) -> None:
    await make_default_account(admin)
    labels = {"topology.kubernetes.io/zone": "z1", "kubernetes.io/os": "linux"}
    await admin.post("/api/v1/nodes", {"metadata": {"name": "n1", "labels": labels}})
    await admin.post(PODS, pod("p"))
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
    assert (await admin.post(f"{PODS}/p/binding", binding)).status == 201
    assert (await admin.get(f"{PODS}/p")).json["metadata"]["labels"] == {"topology.kubernetes.io/zone": "z1"}


async def test_mountable_secrets(admin: Client) -> None:
    await make_default_account(admin)
    annotation = {"kubernetes.io/enforce-mountable-secrets": "true"}
    account = {"metadata": {"annotations": annotation}, "secrets": [{"name": "mine"}]}
    await admin.patch(f"{CORE}/serviceaccounts/default", account)
    volumes = [{"name": "v", "secret": {"secretName": "mine"}}]
    assert (await admin.post(PODS, pod("a", volumes=volumes))).status == 201
    volumes = [{"name": "v", "secret": {"secretName": "theirs"}}]
    refused = await admin.post(PODS, pod("b", volumes=volumes))
    assert refused.message == (
        'pods "b" is forbidden: volume with secret.secretName="theirs" is not allowed because service account '
        "default does not reference that secret"
    )
    refused = await admin.post(PODS, pod("c", imagePullSecrets=[{"name": "registry"}]))
    assert 'imagePullSecrets[0].name="registry" is not allowed' in refused.message


async def test_blocking_an_owners_deletion_takes_power_over_it(keys: Keys) -> None:
    async with running(keys, enable_admission_plugins=["OwnerReferencesPermissionEnforcement"]) as cluster:
        admin = cluster.admin
        owner = (await admin.post(f"{CORE}/configmaps", {"metadata": {"name": "owner"}})).json
        group = "rbac.authorization.k8s.io"
        rules = [{"verbs": ["create"], "apiGroups": [""], "resources": ["configmaps"]}]
        rbac = f"/apis/{group}/v1/namespaces/default"
        await admin.post(f"{rbac}/roles", {"metadata": {"name": "r"}, "rules": rules})
        binding = {
            "metadata": {"name": "r"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "r"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "emma"}],
        }
        await admin.post(f"{rbac}/rolebindings", binding)
        reference = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": "owner",
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
        made = {"metadata": {"name": "x", "ownerReferences": [reference]}}
        refused = await cluster.client("emma").post(f"{CORE}/configmaps", made)
        assert refused.message == (
            'configmaps "x" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a '
            "resource you can't set finalizers on: "
        )
        assert (await admin.post(f"{CORE}/configmaps", made)).status == 201


async def test_plugins_can_be_switched_off(keys: Keys) -> None:
    async with running(keys, disable_admission_plugins=["ServiceAccount", "Priority"]) as cluster:
        spec = (await cluster.admin.post(PODS, pod("p"))).json["spec"]
        assert "serviceAccountName" not in spec
        assert "priority" not in spec


async def test_exec_and_eviction_pass_webhooks(cluster: Cluster, tmp_path: Any) -> None:
    admin = cluster.admin
    await make_default_account(admin)
    await admin.post(PODS, pod("p"))
    async with hook_server(tmp_path) as hooks:
        hooks.answers["/x"] = lambda request: {"allowed": False, "status": {"message": "not you"}}
        rules = [rule("pods/*", operations=("CONNECT", "CREATE"))]
        made = webhook("x.b.c", hooks.client_config("/x"), rules=rules)
        await admin.post(VALIDATING, configuration("x", made))
        refused = await admin.post(f"{PODS}/p/exec?command=ls&command=-l&stdout=true", b"")
        assert refused.message == 'admission webhook "x.b.c" denied the request: not you'
        request = hooks.called("/x")[0]
        assert (request["operation"], request["subResource"]) == ("CONNECT", "exec")
        assert request["kind"] == {"group": "", "version": "v1", "kind": "PodExecOptions"}
        assert request["object"] == {
            "kind": "PodExecOptions",
            "apiVersion": "v1",
            "stdout": True,
            "command": ["ls", "-l"],
        }
        refused = await admin.post(f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
        assert refused.message.endswith("not you")
        assert hooks.called("/x")[1]["kind"] == {"group": "policy", "version": "v1", "kind": "Eviction"}
    assert (await admin.get(f"{PODS}/p")).status == 200


async def test_limit_ranges_say_what_they_filled_in(admin: Client) -> None:
    await make_default_account(admin)
    limit = {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "100m"}}
    made = await admin.post(f"{CORE}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": [limit]}})
    assert made.status == 201, made.body
    made = await admin.post(PODS, pod("p"))
    assert made.json["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c"
    )


async def test_quotas_for_priority_classes(admin: Client) -> None:
    await make_default_account(admin)
    await admin.post(
        "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "high"}, "value": 1000}
    )
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}, "scopeSelector": selector}}
    made = await admin.post(f"{CORE}/resourcequotas", quota)
    assert made.status == 201, made.body
    for name in ("a", "b"):
        assert (await admin.post(PODS, pod(name))).status == 201
    assert (await admin.post(PODS, pod("c", priorityClassName="high"))).status == 201
    refused = await admin.post(PODS, pod("d", priorityClassName="high"))
    assert refused.message == (
        'pods "d" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
    )


async def test_scaling_shows_webhooks_a_scale(cluster: Cluster, tmp_path: Any) -> None:
    admin = cluster.admin
    deployments = "/apis/apps/v1/namespaces/default/deployments"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    await admin.post(deployments, {"metadata": {"name": "d"}, "spec": spec})
    async with hook_server(tmp_path) as hooks:
        hooks.answers["/x"] = lambda request: {
            "allowed": request["object"]["spec"].get("replicas", 0) < 5,
            "status": {"message": f"from {request['oldObject']['spec']['replicas']}"},
        }
        rules = [{**rule("deployments/scale", operations=("UPDATE",)), "apiGroups": ["apps"]}]
        made = webhook("x.b.c", hooks.client_config("/x"), rules=rules)
        await admin.post(VALIDATING, configuration("x", made))
        assert (await admin.patch(f"{deployments}/d/scale", {"spec": {"replicas": 3}})).status == 200
        refused = await admin.patch(f"{deployments}/d/scale", {"spec": {"replicas": 7}})
        assert refused.message == 'admission webhook "x.b.c" denied the request: from 3'
        assert hooks.called("/x")[0]["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        assert hooks.called("/x")[0]["resource"]["resource"] == "deployments"


async def test_quotas_mind_what_grows(admin: Client) -> None:
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"services.nodeports": "1"}}}
    assert (await admin.post(f"{CORE}/resourcequotas", quota)).status == 201
    services = f"{CORE}/services"
    for name in ("a", "b"):
        made = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
        assert (await admin.post(services, made)).status == 201
    node_port = {"spec": {"type": "NodePort"}}
    assert (await admin.patch(f"{services}/a", node_port)).status == 200
    assert (await admin.patch(f"{services}/a", {"metadata": {"labels": {"x": "y"}}})).status == 200
    refused = await admin.patch(f"{services}/b", node_port)
    assert refused.message == (
        'services "b" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: '
        "services.nodeports=1, limited: services.nodeports=1"
    )
