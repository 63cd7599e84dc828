"""What admission adds to objects and refuses of them."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from .conftest import CONFIG_MAPS, PODS, Client, config_map, make_default_account, pod

pytestmark = pytest.mark.anyio
CORE = "/api/v1/namespaces/default"


async def test_a_pod_without_its_account_is_refused(admin: Client) -> None:
    refused = await admin.post(PODS, pod("p", serviceAccountName="robot"))
    assert refused.status == 403
    assert refused.message == (
        'pods "p" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found'
    )


async def test_a_pod_gets_the_token_of_its_account(admin: Client) -> None:
    await make_default_account(admin)
    await admin.patch(f"{CORE}/serviceaccounts/default", {"imagePullSecrets": [{"name": "registry"}]})
    spec = (await admin.post(PODS, pod("p"))).json["spec"]
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    volume = spec["volumes"][0]
    assert volume["name"].startswith("kube-api-access-")
    assert [next(iter(s)) for s in volume["projected"]["sources"]] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]
    assert spec["containers"][0]["volumeMounts"] == [
        {
            "name": volume["name"],
            "readOnly": True,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        }
    ]
    bare = (await admin.post(PODS, pod("q", automountServiceAccountToken=False))).json["spec"]
    assert "volumes" not in bare


async def test_a_pod_tolerates_a_lost_node_for_five_minutes(admin: Client) -> None:
    await make_default_account(admin)
    own = {
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists",
        "tolerationSeconds": 5,
        "effect": "NoExecute",
    }
    tolerations = (await admin.post(PODS, pod("p", tolerations=[own]))).json["spec"]["tolerations"]
    assert [(t["key"], t["tolerationSeconds"]) for t in tolerations] == [
        ("node.kubernetes.io/not-ready", 5),
        ("node.kubernetes.io/unreachable", 300),
    ]


async def test_priority_classes(admin: Client) -> None:
    await make_default_account(admin)
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    assert (await admin.get(f"{classes}/system-node-critical")).json["value"] == 2_000_001_000
    assert (await admin.post(PODS, pod("none"))).json["spec"]["priority"] == 0
    await admin.post(classes, {"metadata": {"name": "high"}, "value": 1000, "preemptionPolicy": "Never"})
    spec = (await admin.post(PODS, pod("high", priorityClassName="high"))).json["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (1000, "Never")
    refused = await admin.post(PODS, pod("x", priorityClassName="nosuch"))
    assert refused.message == 'pods "x" is forbidden: no PriorityClass with name nosuch was found'
    default = {"metadata": {"name": "usual"}, "value": 7, "globalDefault": True}
    assert (await admin.post(classes, default)).status == 201
    spec = (await admin.post(PODS, pod("usual"))).json["spec"]
    assert (spec["priority"], spec["priorityClassName"]) == (7, "usual")
    second = await admin.post(classes, {**default, "metadata": {"name": "other"}})
    assert "has already marked as default" in second.message


async def test_limit_ranges_default_and_bound(admin: Client) -> None:
    await make_default_account(admin)
    limits = {
        "type": "Container",
        "default": {"cpu": "500m"},
        "defaultRequest": {"cpu": "100m"},
        "max": {"cpu": "1"},
        "min": {"cpu": "50m"},
    }
    made = await admin.post(f"{CORE}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": [limits]}})
    assert made.status == 201, made.body
    resources = (await admin.post(PODS, pod("p"))).json["spec"]["containers"][0]["resources"]
    assert resources == {"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}}
    greedy = pod("q")
    greedy["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "20m"}, "limits": {"cpu": "2"}}
    refused = await admin.post(PODS, greedy)
    assert refused.message == (
        'pods "q" is forbidden: [minimum cpu usage per Container is 50m, but request is 20m, '
        "maximum cpu usage per Container is 1, but limit is 2]"
    )


async def test_quotas_hold_against_many_writers(admin: Client) -> None:
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "3"}}}
    assert (await admin.post(f"{CORE}/resourcequotas", quota)).status == 201
    codes: list[int] = []

    async def create(n: int) -> None:
        codes.append((await admin.post(CONFIG_MAPS, config_map(f"c{n}"))).status)

    async with anyio.create_task_group() as tasks:
        for n in range(8):
            tasks.start_soon(create, n)
    assert sorted(codes) == [201] * 3 + [403] * 5
    refused = await admin.post(CONFIG_MAPS, config_map("more"))
    assert refused.message == (
        'configmaps "more" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=3, '
        "limited: configmaps=3"
    )
    held = (await admin.get(CONFIG_MAPS)).json["items"]
    await admin.delete(f"{CONFIG_MAPS}/{held[0]['metadata']['name']}")
    assert (await admin.post(CONFIG_MAPS, config_map("more"))).status == 201


async def test_a_quota_on_cpu_wants_pods_to_say_how_much(admin: Client) -> None:
    await make_default_account(admin)
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"requests.cpu": "1"}}}
    await admin.post(f"{CORE}/resourcequotas", quota)
    silent = await admin.post(PODS, pod("p"))
    assert silent.message == 'pods "p" is forbidden: failed quota: q: must specify requests.cpu for: c'
    sized = pod("p")
    sized["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "700m"}}
    assert (await admin.post(PODS, sized)).status == 201
    again = await admin.post(PODS, {**sized, "metadata": {"name": "q"}})
    assert "exceeded quota: q, requested: requests.cpu=700m, used: requests.cpu=700m" in again.message


async def test_default_classes(admin: Client) -> None:
    storage: dict[str, Any] = {
        "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "example.com/p",
    }
    assert (await admin.post("/apis/storage.k8s.io/v1/storageclasses", storage)).status == 201
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    made = (
        await admin.post(f"{CORE}/persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": claim})
    ).json
    assert made["spec"]["storageClassName"] == "fast"
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    none = {**claim, "storageClassName": ""}
    made = (
        await admin.post(f"{CORE}/persistentvolumeclaims", {"metadata": {"name": "d"}, "spec": none})
    ).json
    assert made["spec"]["storageClassName"] == ""
