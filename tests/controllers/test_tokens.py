"""Secrets with tokens: of service accounts, and of machines that join."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from kubepy.api.resources import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS
from kubepy.controllers.bootstrap import cleaner, signer
from kubepy.controllers.serviceaccount_token import controller, tokens
from kubepy.machinery import meta
from kubepy.machinery.timestamps import rfc3339
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


def encoded(**values: str) -> dict[str, str]:
    return {key.replace("_", "-"): base64.b64encode(value.encode()).decode() for key, value in values.items()}


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def account_secret(name: str = "token", account: str = "robot") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "d", "annotations": {tokens.ACCOUNT_NAME: account}},
        "type": tokens.TYPE,
    }


def account(name: str = "robot") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "d"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "sa.key").write_bytes(pem)
    (tmp_path / "ca.crt").write_text("CA")
    world = World()
    config = replace(
        world.context.config,
        service_account_private_key_file=tmp_path / "sa.key",
        root_ca_file=tmp_path / "ca.crt",
    )
    world.context = replace(world.context, config=config)
    return world


async def test_a_secret_is_given_the_token_of_its_account(world: World) -> None:
    async with world.running(controller.new):
        made = world.add(SERVICE_ACCOUNTS, account())
        world.add(SECRETS, account_secret())
        await world.settle()
    secret = world.one(SECRETS, "token")
    data = {key: base64.b64decode(value) for key, value in secret["data"].items()}
    assert (data["namespace"], data["ca.crt"]) == (b"d", b"CA")
    assert meta.annotations(secret)[tokens.ACCOUNT_UID] == meta.uid(made)
    signed, _, signature = data["token"].decode().rpartition(".")
    claims = json.loads(unb64(signed.split(".")[1]))
    assert claims["sub"] == "system:serviceaccount:d:robot"
    assert claims[f"{tokens.CLAIM}secret.name"] == "token"
    key_file = world.context.config.service_account_private_key_file
    assert key_file is not None
    public = tokens.load_key(key_file).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(unb64(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())


async def test_tokens_go_with_their_account_and_are_not_inherited(world: World) -> None:
    async with world.running(controller.new):
        world.add(SERVICE_ACCOUNTS, account())
        world.add(SECRETS, account_secret())
        world.add(SECRETS, account_secret("orphan", "nobody"))
        await world.settle()
        assert world.names(SECRETS) == ["token"]
        world.remove(SERVICE_ACCOUNTS, "robot")
        world.add(SERVICE_ACCOUNTS, account())
        await world.settle()
        assert world.names(SECRETS) == []


async def test_a_token_that_is_taken_out_is_put_back(world: World) -> None:
    async with world.running(controller.new):
        world.add(SERVICE_ACCOUNTS, account())
        world.add(SECRETS, account_secret())
        await world.settle()
        before = world.one(SECRETS, "token")["data"]["token"]
        world.change(SECRETS, "token", lambda s: s["data"].pop("token"))
        await world.settle()
        assert world.one(SECRETS, "token")["data"]["token"] == before


def bootstrap(world: World, identifier: str, seconds: float | None = None, **values: str) -> dict[str, Any]:
    more = {"expiration": rfc3339(world.clock.time() + seconds)} if seconds is not None else {}
    fields = {"token_id": identifier, "token_secret": "s" * 16, "usage_bootstrap_signing": "true"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"bootstrap-token-{identifier}", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "data": encoded(**{**fields, **more, **values}),
    }


async def test_expired_tokens_are_removed_on_time() -> None:
    world = World()
    async with world.running(cleaner.new):
        world.add(SECRETS, bootstrap(world, "aaaaaa", 60))
        world.add(SECRETS, bootstrap(world, "bbbbbb", -1))
        world.add(SECRETS, bootstrap(world, "cccccc"))
        await world.settle()
        assert world.names(SECRETS) == ["bootstrap-token-aaaaaa", "bootstrap-token-cccccc"]
        await world.pass_time(61)
        assert world.names(SECRETS) == ["bootstrap-token-cccccc"]


async def test_cluster_info_is_signed_with_every_token_that_may_sign() -> None:
    world = World()
    stale = {"kubeconfig": "K", "jws-kubeconfig-gone": "x"}
    info = {"apiVersion": "v1", "kind": "ConfigMap", "data": stale}
    world.add(CONFIG_MAPS, {**info, "metadata": {"name": "cluster-info", "namespace": "kube-public"}})
    async with world.running(signer.new):
        world.add(SECRETS, bootstrap(world, "aaaaaa", 120))
        world.add(SECRETS, bootstrap(world, "bbbbbb", usage_bootstrap_signing="false"))
        await world.settle()
        data = world.one(CONFIG_MAPS, "cluster-info", "kube-public")["data"]
        assert sorted(data) == ["jws-kubeconfig-aaaaaa", "kubeconfig"]
        header, payload, signature = data["jws-kubeconfig-aaaaaa"].split(".")
        assert (json.loads(unb64(header)), payload) == ({"alg": "HS256", "kid": "aaaaaa"}, "")
        whole = f"{header}.{base64.urlsafe_b64encode(b'K').rstrip(b'=').decode()}"
        assert unb64(signature) == hmac.new(b"s" * 16, whole.encode(), hashlib.sha256).digest()
        await world.pass_time(200)
        assert sorted(world.one(CONFIG_MAPS, "cluster-info", "kube-public")["data"]) == ["kubeconfig"]
