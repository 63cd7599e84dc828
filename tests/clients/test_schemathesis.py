"""schemathesis against our own OpenAPI documents: whatever it makes up, no answer is a failure of the server."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ControlPlane

pytest.importorskip("schemathesis", reason="the stock clients are not installed (make clients)")
_STREAMS = ("/proxy", "/exec", "/attach", "/portforward", "/log")


def without_streams(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what does not end by itself."""
    paths = {path: item for path, item in document["paths"].items() if not path.endswith(_STREAMS)}
    for item in paths.values():
        for operation in item.values():
            if isinstance(operation, dict) and "parameters" in operation:
                operation["parameters"] = [p for p in operation["parameters"] if p["name"] != "watch"]
    return {**document, "paths": paths}


@pytest.mark.parametrize(
    "group", ["apis/apps/v1", "apis/rbac.authorization.k8s.io/v1", "apis/autoscaling/v2"]
)
def test_nothing_it_sends_fails_the_server(control_plane: ControlPlane, group: str, tmp_path: Path) -> None:
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
    for name, text in (
        ("client.crt", user["client-certificate-data"]),
        ("client.key", user["client-key-data"]),
        ("ca.crt", cluster["certificate-authority-data"]),
    ):
        (tmp_path / name).write_bytes(base64.b64decode(text))
    document = json.loads(control_plane.kubectl("get", "--raw", f"/openapi/v3/{group}").stdout)
    (tmp_path / "openapi.json").write_text(json.dumps(without_streams(document)))
    command = [
        *(str(Path(sys.prefix) / "bin" / "schemathesis"), "run", str(tmp_path / "openapi.json")),
        *("--url", control_plane.url, "--tls-verify", str(tmp_path / "ca.crt")),
        *("--request-cert", str(tmp_path / "client.crt"), "--request-cert-key", str(tmp_path / "client.key")),
        *("-c", "not_a_server_error", "--phases", "coverage,fuzzing", "--mode", "all"),
        *("-n", "5", "--max-time", "15", "--seed", "1", "--no-color"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=tmp_path)
    assert "Server error" not in done.stdout, done.stdout[-8000:]
    assert "Network Error" not in done.stdout, done.stdout[-8000:]
    assert "Tested: " in done.stdout, done.stdout[-3000:] + done.stderr[-2000:]
    assert control_plane.kubectl("get", "--raw", "/livez").stdout == "ok"
