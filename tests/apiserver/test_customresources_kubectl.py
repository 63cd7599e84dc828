"""Stock kubectl on a custom resource, from the definition to its end."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
import yaml

from .conftest import Cluster
from .test_customresources import cron_tab, definition

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
]


class Kubectl:
    """Runs kubectl as administrator."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._config = cluster.kubeconfig(folder)
        self._folder = folder

    async def __call__(self, *arguments: str, given: Any = None, fails: bool = False) -> str:
        command = [
            "kubectl",
            "--kubeconfig",
            str(self._config),
            "--cache-dir",
            str(self._folder / "cache"),
            *arguments,
        ]
        text = yaml.safe_dump(given) if given is not None else None

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=60, check=False
            )

        done = await anyio.to_thread.run_sync(run)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr


async def test_a_session(cluster: Cluster, tmp_path: Path) -> None:
    kubectl = Kubectl(cluster, tmp_path)
    assert "created" in await kubectl("apply", "-f", "-", given=definition())
    await kubectl("wait", "--for=condition=Established", "crd/crontabs.stable.example.com", "--timeout=5s")
    assert await kubectl("apply", "-f", "-", given=cron_tab()) == "crontab.stable.example.com/a created\n"
    lines = (await kubectl("get", "ct")).splitlines()
    assert lines[0].split() == ["NAME", "SPEC", "REPLICAS", "AGE"]
    assert lines[1].split()[:3] == ["a", "*", "*"]
    explained = await kubectl("explain", "crontab.spec.ports")
    assert "GROUP:      stable.example.com" in explained
    assert "protocol\t<string>" in explained
    assert "FIELD: ports <[]Object>" in explained
    assert await kubectl("scale", "ct/a", "--replicas=3") == "crontab.stable.example.com/a scaled\n"
    assert await kubectl("get", "ct", "a", "-o", "jsonpath={.spec.replicas}") == "3"
    assert "configured" in await kubectl("apply", "-f", "-", given=cron_tab(mode="fast"))
    assert await kubectl("get", "ct", "a", "-o", "jsonpath={.spec.replicas}") == "3"
    refused = await kubectl("apply", "-f", "-", given=cron_tab(mode="odd"), fails=True)
    assert 'spec.mode: Unsupported value: "odd": supported values: "fast", "slow"' in refused
    unknown = await kubectl("apply", "-f", "-", given=cron_tab(modus="fast"), fails=True)
    assert 'strict decoding error: unknown field "spec.modus"' in unknown
    patched = await kubectl(
        "patch", "ct", "a", "--type=merge", "--subresource=status", "-p", '{"status":{"replicas":3}}'
    )
    assert patched == "crontab.stable.example.com/a patched\n"
    assert "crontab.stable.example.com/a" in await kubectl("get", "all", "-o", "name")
    assert "fast" in await kubectl("get", "ct", "--field-selector", "spec.mode=fast", "-o", "yaml")
    assert "serverside-applied" in await kubectl("apply", "--server-side", "-f", "-", given=cron_tab("b"))
    assert await kubectl("delete", "crd", "crontabs.stable.example.com") == (
        'customresourcedefinition.apiextensions.k8s.io "crontabs.stable.example.com" deleted\n'
    )
    gone = await kubectl("get", "ct", fails=True)
    assert "(NotFound)" in gone or "doesn't have a resource type" in gone
