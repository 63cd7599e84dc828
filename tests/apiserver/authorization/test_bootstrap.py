"""The default roles and bindings."""

from __future__ import annotations

import pytest

from tests.apiserver.conftest import Cluster, Keys, running

pytestmark = pytest.mark.anyio
RBAC = "/apis/rbac.authorization.k8s.io/v1"


async def test_every_controller_has_its_role(cluster: Cluster) -> None:
    admin = cluster.admin
    roles = (await admin.get(f"{RBAC}/clusterroles")).json["items"]
    names = {role["metadata"]["name"] for role in roles}
    assert {"system:controller:job-controller", "system:controller:generic-garbage-collector"} <= names
    assert len([name for name in names if name.startswith("system:controller:")]) > 30
    found = await admin.get(f"{RBAC}/clusterrolebindings/system:controller:job-controller")
    assert found.json["subjects"] == [
        {"kind": "ServiceAccount", "namespace": "kube-system", "name": "job-controller"}
    ]
    role = await admin.get(f"{RBAC}/namespaces/kube-system/roles/extension-apiserver-authentication-reader")
    assert role.json["rules"][0]["resourceNames"] == ["extension-apiserver-authentication"]
    assert role.json["metadata"]["annotations"] == {"rbac.authorization.kubernetes.io/autoupdate": "true"}


async def test_what_is_missing_comes_back_at_start(keys: Keys, tmp_path: object) -> None:
    storage = f"sqlite:///{tmp_path}/state.db"
    path = f"{RBAC}/clusterroles/system:node-proxier"
    kept = f"{RBAC}/clusterroles/system:kube-dns"
    own = {"verbs": ["get"], "apiGroups": ["example.com"], "resources": ["things"]}
    async with running(keys, storage) as cluster:
        admin = cluster.admin
        await admin.patch(path, {"rules": [own]})
        manual = {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}
        await admin.patch(kept, {"metadata": manual, "rules": [own]})
    async with running(keys, storage) as cluster:
        rules = (await cluster.admin.get(path)).json["rules"]
        assert own in rules
        assert len(rules) > 3
        assert (await cluster.admin.get(kept)).json["rules"] == [own]
