"""Users whose credential a command prints."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from kubepy.client import Client, ClientConfig, KubeconfigError
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.util.clock import FakeClock

from .conftest import Script

pytestmark = pytest.mark.anyio
PODS = GVR("", "v1", "pods")

PLUGIN = """
import json, os, pathlib, sys
request = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
calls = pathlib.Path(sys.argv[1])
number = int(calls.read_text() or 0) + 1 if calls.exists() else 1
calls.write_text(str(number))
status = {"token": f"{os.environ['PREFIX']}-{number}", "expirationTimestamp": "2026-01-01T01:00:00Z"}
print(json.dumps({"apiVersion": request["apiVersion"], "kind": "ExecCredential", "status": status}))
"""


def config(server: Script, folder: Path, code: str) -> ClientConfig:
    plugin: dict[str, Any] = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", code, str(folder / "calls")],
        "env": [{"name": "PREFIX", "value": "token"}],
    }
    document = {
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(document))
    return ClientConfig.from_kubeconfig(file)


async def test_a_token_is_kept_until_it_ends_or_is_refused(server: Script, tmp_path: Path) -> None:
    refused: set[str] = set()

    async def answer(request: web.Request) -> web.Response:
        if request.headers["Authorization"] in refused:
            return web.json_response({"kind": "Status", "code": 401}, status=401)
        return web.json_response({"kind": "PodList", "metadata": {}, "items": []})

    server.handler = answer
    clock = FakeClock()  # 2026-01-01T00:00:00Z
    async with Client(config(server, tmp_path, PLUGIN), clock=clock) as client:
        await client.list(PODS)
        clock.advance(3580)
        await client.list(PODS)
        clock.advance(11)  # ten seconds before its end it is as good as over
        await client.list(PODS)
        assert [headers["Authorization"] for headers in server.headers] == [
            "Bearer token-1",
            "Bearer token-1",
            "Bearer token-2",
        ]
        server.headers.clear()
        # A token whose end is not known to be near is asked for anew when the server refuses it.
        clock._elapsed = 0.0
        refused.add("Bearer token-2")
        with pytest.raises(errors.StatusError) as caught:
            await client.list(PODS)
        assert caught.value.code == 401
        await client.list(PODS)
        assert [headers["Authorization"] for headers in server.headers] == [
            "Bearer token-2",
            "Bearer token-3",
        ]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import sys; print('no account', file=sys.stderr); sys.exit(3)",
            "failed with exit code 3: no account",
        ),
        ("print('hello')", "printed no ExecCredential"),
        ("print('{\"status\": {}}')", "gave neither a token nor a client certificate"),
        (
            'print(\'{"status": {"clientCertificateData": "x"}}\')',
            "gave a client certificate or a key, but not both",
        ),
    ],
)
async def test_a_plugin_that_fails_says_why(server: Script, tmp_path: Path, code: str, message: str) -> None:
    async with Client(config(server, tmp_path, code)) as client:
        with pytest.raises(KubeconfigError, match=message):
            await client.list(PODS)
    assert server.requests == []
