"""Who is calling: certificates, tokens of every kind, anonymous, impersonation."""

from __future__ import annotations

import base64
from pathlib import Path

import orjson
import pytest

from kubepy.apiserver.authentication import jwt

from .conftest import PODS, Cluster, Keys, make_default_account, pod, running

pytestmark = pytest.mark.anyio
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


async def test_a_certificates_subject_is_the_user(cluster: Cluster) -> None:
    answer = await cluster.client("jane", "dev", "ops").post(REVIEW, {})
    info = answer.json["status"]["userInfo"]
    assert info["username"] == "jane"
    assert info["groups"] == ["dev", "ops", "system:authenticated"]


async def test_a_wrong_token_is_401(cluster: Cluster) -> None:
    answer = await cluster.client(token="nonsense").get("/api/v1/namespaces")
    assert (answer.status, answer.json["reason"], answer.message) == (401, "Unauthorized", "Unauthorized")


async def test_anonymous_sees_health_and_version_and_nothing_else(cluster: Cluster) -> None:
    anonymous = cluster.client()
    for path in ("/version", "/healthz", "/livez", "/readyz"):
        assert (await anonymous.get(path)).status == 200, path
    refused = await anonymous.get("/api/v1/namespaces/default/secrets")
    assert refused.status == 403
    assert refused.message == (
        'secrets is forbidden: User "system:anonymous" cannot list resource "secrets" in API group "" '
        'in the namespace "default"'
    )
    assert (await anonymous.get("/metrics")).message == (
        'forbidden: User "system:anonymous" cannot get path "/metrics"'
    )
    assert (await anonymous.get("/apis")).status == 403


async def test_anonymous_can_be_switched_off(keys: Keys) -> None:
    async with running(keys, anonymous_auth=False) as cluster:
        assert (await cluster.client().get("/version")).status == 401


async def test_static_tokens(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text('secret-token,sam,uid7,"dev,ops"\n')
    async with running(keys, token_auth_file=file) as cluster:
        info = (await cluster.client(token="secret-token").post(REVIEW, {})).json["status"]["userInfo"]
    assert info == {"username": "sam", "uid": "uid7", "groups": ["dev", "ops", "system:authenticated"]}


async def request_token(cluster: Cluster, **spec: object) -> str:
    answer = await cluster.admin.post(f"{ACCOUNTS}/default/token", {"spec": spec})
    assert answer.status == 201, answer.body
    return str(answer.json["status"]["token"])


async def test_a_requested_token_authenticates_its_account(cluster: Cluster) -> None:
    await make_default_account(cluster.admin)
    token = await request_token(cluster)
    info = (await cluster.client(token=token).post(REVIEW, {})).json["status"]["userInfo"]
    assert info["username"] == "system:serviceaccount:default:default"
    assert "system:serviceaccounts:default" in info["groups"]
    claims = jwt.claims_of(token)
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["aud"] == [claims["iss"]] == ["https://kubernetes.default.svc.cluster.local"]


async def test_tokens_that_are_not_good(cluster: Cluster) -> None:
    await make_default_account(cluster.admin)
    token = await request_token(cluster)
    head, payload, signature = token.split(".")
    claims = orjson.loads(jwt.unb64(payload))
    forged = jwt.b64(orjson.dumps({**claims, "sub": "system:serviceaccount:kube-system:root"}))
    none = jwt.b64(orjson.dumps({"alg": "none"}))
    for bad in (f"{head}.{forged}.{signature}", f"{none}.{payload}.", f"{head}.{payload}.", "a.b.c"):
        assert (await cluster.client(token=bad).get("/api")).status == 401
    other_audience = await request_token(cluster, audiences=["vault"])
    assert (await cluster.client(token=other_audience).get("/api")).status == 401
    assert (await cluster.admin.delete(f"{ACCOUNTS}/default")).status == 200
    assert (await cluster.client(token=token).get("/api")).status == 401


async def test_a_token_bound_to_a_pod_dies_with_it(cluster: Cluster) -> None:
    await make_default_account(cluster.admin)
    made = (await cluster.admin.post(PODS, pod("p"))).json
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": made["metadata"]["uid"]}
    token = await request_token(cluster, boundObjectRef=reference)
    client = cluster.client(token=token)
    extra = (await client.post(REVIEW, {})).json["status"]["userInfo"]["extra"]
    assert extra["authentication.kubernetes.io/pod-name"] == ["p"]
    await cluster.admin.delete(f"{PODS}/p")
    assert (await client.post(REVIEW, {})).status == 401


async def test_token_requests_are_checked(cluster: Cluster) -> None:
    await make_default_account(cluster.admin)
    short = await cluster.admin.post(f"{ACCOUNTS}/default/token", {"spec": {"expirationSeconds": 5}})
    assert (short.status, "may not specify a duration less than 10 minutes" in short.message) == (422, True)
    assert (await cluster.admin.post(f"{ACCOUNTS}/nobody/token", {"spec": {}})).status == 404


async def test_token_reviews(cluster: Cluster) -> None:
    await make_default_account(cluster.admin)
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    token = await request_token(cluster, audiences=["vault", "db"])
    good = await cluster.admin.post(path, {"spec": {"token": token, "audiences": ["db", "x"]}})
    assert good.json["status"]["authenticated"] is True
    assert good.json["status"]["audiences"] == ["db"]
    assert good.json["status"]["user"]["username"] == "system:serviceaccount:default:default"
    bad = await cluster.admin.post(path, {"spec": {"token": "x"}})
    assert "authenticated" not in bad.json["status"]


async def test_bootstrap_tokens(cluster: Cluster) -> None:
    def text(value: str) -> str:
        return base64.b64encode(value.encode()).decode()

    data = {
        "token-id": text("abcdef"),
        "token-secret": text("0123456789abcdef"),
        "usage-bootstrap-authentication": text("true"),
        "auth-extra-groups": text("system:bootstrappers:kubepy"),
    }
    secret = {
        "metadata": {"name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token",
        "data": data,
    }
    assert (await cluster.admin.post("/api/v1/namespaces/kube-system/secrets", secret)).status == 201
    info = (await cluster.client(token="abcdef.0123456789abcdef").post(REVIEW, {})).json["status"]["userInfo"]
    assert info["username"] == "system:bootstrap:abcdef"
    assert info["groups"][:2] == ["system:bootstrappers", "system:bootstrappers:kubepy"]
    assert (await cluster.client(token="abcdef.0123456789abcdee").post(REVIEW, {})).status == 401


async def test_impersonation_needs_its_own_right(cluster: Cluster) -> None:
    as_jane = {"Impersonate_User": "jane", "Impersonate_Group": "dev"}
    seen = (await cluster.admin.post(REVIEW, {}, **as_jane)).json["status"]["userInfo"]
    assert (seen["username"], seen["groups"]) == ("jane", ["dev", "system:authenticated"])
    refused = await cluster.client("bob").post(REVIEW, {}, **as_jane)
    assert refused.message == (
        'users "jane" is forbidden: User "bob" cannot impersonate resource "users" in API group "" '
        "at the cluster scope"
    )
    denied = await cluster.admin.get("/api/v1/namespaces/default/pods", Impersonate_User="jane")
    assert denied.status == 403


async def test_the_keys_are_published_for_others_to_verify(cluster: Cluster) -> None:
    keys = (await cluster.admin.get("/openid/v1/jwks")).json["keys"]
    assert (keys[0]["kty"], keys[0]["alg"]) == ("RSA", "RS256")
    configuration = (await cluster.admin.get("/.well-known/openid-configuration")).json
    assert configuration["issuer"] == "https://kubernetes.default.svc.cluster.local"


async def test_ecdsa_keys_sign_and_verify(keys: Keys) -> None:
    key = jwt.load_private_key(keys.server[1])
    token = jwt.sign({"sub": "x"}, key)
    assert jwt.verify(token, {jwt.key_id(key.public_key()): key.public_key()}) == {"sub": "x"}
    with pytest.raises(jwt.InvalidToken):
        jwt.verify(token, {jwt.key_id(key.public_key()): jwt.load_public_key(keys.service_account)})
