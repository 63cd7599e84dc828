"""The session's cluster, and a namespace for each test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.harness import Cluster, Namespace, root_and_tools, until


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = root_and_tools()
    for item in items:
        item.add_marker(pytest.mark.cluster)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One master and three workers, brought up as a person would, and taken away whatever happens."""
    # Short: sockets live below it, and their paths may have 108 characters at most.
    found = Cluster(Path(tempfile.mkdtemp(prefix="kp-")), "itest", "10.243.0")
    try:
        done = found.kubepy("up", "--name", found.name, "--subnet", "10.243.0.0/24", "--workers", "3")
        if done.returncode:
            raise RuntimeError(f"kubepy up failed: {done.stderr}\n{logs(found)}")
        until(lambda: dns_ready(found), "cluster DNS is ready", 60)
        yield found
    finally:
        down = found.kubepy("down", "--purge")
        shutil.rmtree(found.root, ignore_errors=True)
        assert down.returncode == 0, down.stderr


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for one test; gone with all that is in it afterwards."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    cluster.ok("create", "namespace", name)
    found = Namespace(cluster, name)
    until(
        lambda: found.kubectl("get", "serviceaccount", "default").returncode == 0,
        "the default service account",
    )
    yield found
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def dns_ready(cluster: Cluster) -> bool:
    deployment = cluster.json("get", "deployment", "kube-dns", "--namespace", "kube-system")
    return bool(deployment["status"].get("readyReplicas", 0) == deployment["spec"]["replicas"])


def logs(cluster: Cluster) -> str:
    """The last lines of every log, for a failure's message."""
    files = sorted((cluster.root / "var/log/kubepy").glob("*/*.log"))
    return "\n".join(f"== {f.parent.name}/{f.name}\n{f.read_text()[-1500:]}" for f in files)
