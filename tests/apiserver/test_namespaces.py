"""Namespaces by name: their path names them twice, as the object and as its namespace."""

import pytest

from tests.apiserver.conftest import Cluster

pytestmark = pytest.mark.anyio


async def test_a_namespace_is_read_changed_and_deleted_by_its_name(cluster: Cluster) -> None:
    path = "/api/v1/namespaces/team"
    assert (await cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": "team"}})).status == 201
    got = await cluster.admin.get(path)
    assert (got.status, got.json["metadata"]["name"]) == (200, "team")
    assert "namespace" not in got.json["metadata"]
    status = await cluster.admin.get(f"{path}/status")
    assert status.json["status"]["phase"] == "Active"
    changed = await cluster.admin.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert changed.json["metadata"]["labels"]["a"] == "b"
    gone = await cluster.admin.delete(path)
    assert gone.json["status"]["phase"] == "Terminating"
    assert (await cluster.admin.get(path)).json["status"]["phase"] == "Terminating"
