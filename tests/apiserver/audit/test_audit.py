"""The audit log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
import yaml

from kubepy.apiserver.audit.log import AuditLog
from kubepy.apiserver.audit.policy import Policy
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.requests import Query, parse
from kubepy.util.clock import SystemClock
from tests.apiserver.conftest import CONFIG_MAPS, Keys, config_map, running

pytestmark = pytest.mark.anyio
SECRETS = {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets"]}]}


def policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules), **more}


def level(document: dict[str, Any], method: str, path: str, user: str = "jane", *groups: str) -> str:
    return Policy(document).decide(parse(method, path, Query("")), User(user, groups)).name


def test_the_first_rule_that_matches_decides() -> None:
    document = policy(
        {"level": "None", "users": ["system:kube-proxy"], "verbs": ["watch"]},
        {"level": "None", "nonResourceURLs": ["/healthz*", "/version"]},
        SECRETS,
        {
            "level": "Request",
            "resources": [{"resources": ["pods", "pods/log", "*/scale"]}],
            "namespaces": ["a"],
        },
        {"level": "RequestResponse", "userGroups": ["dev"], "resources": [{"group": "apps"}]},
    )
    assert level(document, "GET", "/healthz/etcd") == "None"
    assert level(document, "GET", "/api/v1/namespaces/a/secrets/x") == "Metadata"
    assert level(document, "GET", "/api/v1/namespaces/a/pods/x/log") == "Request"
    assert level(document, "GET", "/api/v1/namespaces/a/pods/x/exec") == "None"
    assert level(document, "GET", "/api/v1/namespaces/b/pods/x") == "None"
    assert level(document, "GET", "/apis/apps/v1/deployments", "jane", "dev") == "RequestResponse"
    assert level(document, "GET", "/apis/apps/v1/deployments", "jane") == "None"


@pytest.mark.parametrize(
    "document",
    [
        policy(),
        policy({"level": "Everything"}),
        policy({"level": "Metadata", "omitStages": ["Later"]}),
        {"kind": "Policy"},
    ],
)
def test_a_policy_that_cannot_be_used(document: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(ValueError, match=r"policy\.yaml"):
        Policy.load(file)


async def test_requests_are_written(keys: Keys, tmp_path: Path) -> None:
    file, log = tmp_path / "policy.yaml", tmp_path / "audit.log"
    rule = {"level": "RequestResponse", "resources": [{"group": "", "resources": ["configmaps"]}]}
    file.write_text(
        yaml.safe_dump(policy(SECRETS, rule, omitStages=["RequestReceived"], omitManagedFields=True))
    )
    async with running(keys, audit_policy_file=file, audit_log_path=str(log)) as cluster:
        admin = cluster.admin
        made = await admin.post(CONFIG_MAPS, config_map("a"), Audit_ID="my-own")
        assert made.headers["Audit-Id"] == "my-own"
        await admin.get("/api/v1/namespaces/default/secrets/none", Impersonate_User="jane")
        async with admin.watch(f"{CONFIG_MAPS}?watch=1&timeoutSeconds=1"):
            await anyio.sleep(0.1)
        await admin.get("/version")
        await cluster.client(token="wrong").get(CONFIG_MAPS)
    events = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    created, refused, *watched = [e for e in events if e["user"]["username"] == "kubernetes-admin"]
    assert created["auditID"] == "my-own"
    assert (created["level"], created["stage"], created["verb"]) == (
        "RequestResponse",
        "ResponseComplete",
        "create",
    )
    assert created["objectRef"] == {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"}
    assert created["requestObject"]["data"] == {"k": "v"}
    assert created["responseObject"]["metadata"]["uid"]
    assert "managedFields" not in created["responseObject"]["metadata"]
    assert created["responseStatus"]["code"] == 201
    assert created["sourceIPs"] == ["127.0.0.1"]
    assert created["annotations"]["authorization.k8s.io/decision"] == "allow"
    assert refused["impersonatedUser"]["username"] == "jane"
    assert refused["responseStatus"]["reason"] == "Forbidden"
    assert refused["annotations"]["authorization.k8s.io/decision"] == "forbid"
    assert "requestObject" not in refused
    (unknown,) = [e for e in events if not e["user"]["username"]]
    assert unknown["responseStatus"]["message"] == "Authentication failed, attempted: bearer"
    assert (unknown["stage"], unknown["responseStatus"]["code"]) == ("ResponseStarted", 401)
    assert [e["stage"] for e in watched] == ["ResponseStarted", "ResponseComplete"]


async def test_rotation(tmp_path: Path) -> None:
    log = AuditLog(str(tmp_path / "audit.log"), SystemClock(), max_size=1, max_backups=2)
    for number in range(5):
        log.write(b"%d" % number * 700_000)
        await log.flush()
        await anyio.sleep(0.002)
    log.close()
    backups = sorted(tmp_path.glob("audit-*.log"))
    assert [b.read_bytes()[:1] for b in backups] == [b"2", b"3"]
    assert (tmp_path / "audit.log").read_bytes()[:1] == b"4"
