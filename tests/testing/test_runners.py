"""pytest's ways to run tests, as users have them: pytest-asyncio, anyio's plugin, pytest-xdist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytest_asyncio")
pytest.importorskip("xdist")

_TESTS = '''
import asyncio, os, pytest
from kubepy.api.resources import CONFIG_MAPS, DEPLOYMENTS
from kubepy.testing import Cluster, SyncCluster

WEB = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
    "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
        "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}},
}
def names(listed):
    return [o["metadata"]["name"] for o in listed["items"]]

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.parametrize("turn", range(4))
@pytest.mark.asyncio
async def test_with_pytest_asyncio(kube_cluster, turn):
    assert isinstance(kube_cluster, Cluster)
    assert names(await kube_cluster.client.list(DEPLOYMENTS)) == []
    await kube_cluster.client.create(DEPLOYMENTS, WEB)
    await kube_cluster.wait_for("deployments", "web", condition="Available")
    await kube_cluster.advance(minutes=1)

@pytest.mark.parametrize("turn", range(4))
@pytest.mark.anyio
async def test_with_anyio(kube_cluster, turn):
    assert names(await kube_cluster.client.list(DEPLOYMENTS)) == []
    await kube_cluster.client.create(DEPLOYMENTS, WEB)
    await kube_cluster.settle()
    assert (await kube_cluster.client.get(DEPLOYMENTS, "web", namespace="default"))["status"]["readyReplicas"] == 2

@pytest.mark.parametrize("turn", range(4))
def test_synchronous(kube_cluster, turn):
    assert isinstance(kube_cluster, SyncCluster)
    assert names(kube_cluster.client.list(DEPLOYMENTS)) == []
    kube_cluster.client.create(DEPLOYMENTS, WEB)

@pytest.fixture
async def operator(kube_cluster):
    """A fixture of the test's own, between it and the cluster."""
    await kube_cluster.client.create(CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "default"}})
    return kube_cluster

@pytest.mark.anyio
async def test_a_fixture_stands_on_it(operator):
    assert "c" in names(await operator.client.list(CONFIG_MAPS, namespace="default"))
'''
_LOOPS = """
import asyncio, pytest
from kubepy.api.resources import CONFIG_MAPS

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOOPS = set()

@pytest.mark.parametrize("turn", range(3))
async def test_one_loop_for_all(kube_cluster, turn):
    LOOPS.add(asyncio.get_running_loop())
    assert len(LOOPS) == 1
    await kube_cluster.client.create(CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "default"}})
    await kube_cluster.settle()
"""


def _pytest(folder: Path, *arguments: str) -> str:
    (folder / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_fixtures_serve_pytest_asyncio_and_anyio_in_one_run(tmp_path: Path) -> None:
    (tmp_path / "test_mixed.py").write_text(_TESTS)
    (tmp_path / "test_loops.py").write_text(_LOOPS)
    assert "16 passed" in _pytest(tmp_path)


def test_an_automatic_mode_needs_no_marks(tmp_path: Path) -> None:
    (tmp_path / "test_mixed.py").write_text(
        _TESTS.replace("@pytest.mark.asyncio\n", "").replace("@pytest.mark.anyio\n", "")
    )
    assert "13 passed" in _pytest(tmp_path, "-o", "asyncio_mode=auto")


def test_workers_of_xdist_have_clusters_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "test_mixed.py").write_text(_TESTS)
    (tmp_path / "conftest.py").write_text(
        "import os, pathlib, pytest\n"
        "@pytest.fixture(autouse=True)\n"
        "def note(kube_cluster):\n"
        f"    with pathlib.Path({str(tmp_path / 'seen')!r}).open('a') as seen:\n"
        "        seen.write(f\"{os.environ['PYTEST_XDIST_WORKER']} {kube_cluster.url}\\n\")\n"
    )
    assert "13 passed" in _pytest(tmp_path, "-n", "2")
    seen = set((tmp_path / "seen").read_text().splitlines())
    assert {line.split()[0] for line in seen} == {"gw0", "gw1"}
    assert len(seen) == 2  # one warm cluster each
    assert all(re.search(r"https://127\.0\.0\.1:\d+$", line) for line in seen)
