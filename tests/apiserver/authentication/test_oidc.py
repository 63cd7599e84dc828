"""ID tokens of an issuer behind real HTTPS."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kubepy.apiserver.authentication import jwt
from kubepy.apiserver.config import APIServerConfig
from tests.apiserver.admission.hooks import certificate
from tests.apiserver.conftest import Keys, running

pytestmark = pytest.mark.anyio
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class Issuer:
    """Serves discovery and keys."""

    def __init__(self) -> None:
        self.key: jwt.PrivateKey = rsa.generate_private_key(65537, 2048)
        self.url = ""
        self.ca: Path
        self.asked = 0

    def token(self, **claims: Any) -> str:
        made = {"iss": self.url, "aud": "kubepy", "sub": "jane", "exp": int(time.time()) + 60}
        return jwt.sign({**made, **claims}, self.key)

    async def discovery(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    async def keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [jwt.jwk(self.key.public_key())]})


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[Issuer]:
    made = Issuer()
    file, _ = certificate(tmp_path)
    made.ca = file
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(file)
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", made.discovery)
    app.router.add_get("/keys", made.keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    made.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()


def options(issuer: Issuer, **more: Any) -> dict[str, Any]:
    return {
        "oidc_issuer_url": issuer.url,
        "oidc_client_id": "kubepy",
        "oidc_ca_file": issuer.ca,
        "oidc_groups_claim": "groups",
        "oidc_groups_prefix": "oidc:",
        **more,
    }


async def test_a_token_names_user_and_groups(keys: Keys, issuer: Issuer) -> None:
    async with running(keys, **options(issuer, oidc_required_claims={"hd": "example.com"})) as cluster:
        token = issuer.token(groups=["dev", "ops"], hd="example.com")
        answer = await cluster.client(token=token).post(REVIEW, {})
        assert answer.json["status"]["userInfo"] == {
            "username": f"{issuer.url}#jane",
            "groups": ["oidc:dev", "oidc:ops", "system:authenticated"],
        }
        assert (await cluster.client(token=token).post(REVIEW, {})).status == 201
        assert issuer.asked == 1
        wrong = [
            issuer.token(hd="other.com"),
            issuer.token(hd="example.com", aud="other"),
            issuer.token(hd="example.com", exp=int(time.time()) - 1),
            issuer.token(hd="example.com", groups=[1]),
            issuer.token(hd="example.com", sub=None),
        ]
        for bad in wrong:
            assert (await cluster.client(token=bad).post(REVIEW, {})).status == 401
        issuer.key = ec.generate_private_key(ec.SECP256R1())
        forged = issuer.token(hd="example.com")
        assert (await cluster.client(token=forged).post(REVIEW, {})).status == 401


async def test_emails_must_be_verified(keys: Keys, issuer: Issuer) -> None:
    issuer.key = ec.generate_private_key(ec.SECP256R1())
    chosen = options(issuer, oidc_username_claim="email", oidc_signing_algs=["ES256"])
    async with running(keys, **chosen) as cluster:
        good = issuer.token(email="jane@example.com", groups="dev")
        info = (await cluster.client(token=good).post(REVIEW, {})).json["status"]["userInfo"]
        assert (info["username"], info["groups"][0]) == ("jane@example.com", "oidc:dev")
        bad = issuer.token(email="jane@example.com", email_verified=False)
        assert (await cluster.client(token=bad).post(REVIEW, {})).status == 401


def test_the_issuer_is_https_and_needs_a_client() -> None:
    with pytest.raises(ValueError, match="only https"):
        APIServerConfig(oidc_issuer_url="http://example.com", oidc_client_id="x")
    with pytest.raises(ValueError, match="oidcClientId"):
        APIServerConfig(oidc_issuer_url="https://example.com")
