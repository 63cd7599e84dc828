"""The authorities' keys travel encrypted, open for one key only, and go with their token."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from kubepy.api.resources import SECRETS
from kubepy.bootstrap import shared_keys, tokens
from kubepy.bootstrap.errors import BootstrapError
from kubepy.client import Client, ClientConfig
from kubepy.cluster.paths import Paths
from kubepy.util.clock import SystemClock
from tests.apiserver.conftest import Keys, keys, running

__all__ = ["keys"]
CONTENTS = {"ca.key": b"secret", "etcd/ca.key": b"another"}


def test_what_one_key_seals_no_other_opens() -> None:
    key = shared_keys.check(shared_keys.generate())
    sealed = shared_keys.encrypt(CONTENTS, key)
    assert b"secret" not in sealed["ca.key"]
    assert shared_keys.decrypt(sealed, key) == CONTENTS
    assert shared_keys.encrypt(CONTENTS, key) != sealed  # no nonce twice
    with pytest.raises(BootstrapError, match="does not open the masters' keys"):
        shared_keys.decrypt(sealed, shared_keys.check(shared_keys.generate()))
    with pytest.raises(BootstrapError, match="does not open"):  # one file given for another
        shared_keys.decrypt({"ca.key": sealed["etcd/ca.key"]}, key)
    with pytest.raises(BootstrapError, match="does not open"):
        shared_keys.decrypt({"ca.key": sealed["ca.key"][:-1] + b"x"}, key)


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, "00" * 31])
def test_what_is_no_certificate_key(text: str) -> None:
    with pytest.raises(BootstrapError, match=r"64 hexadecimal digits.*kubepy token create --control-plane"):
        shared_keys.check(text)


@pytest.mark.anyio
async def test_they_are_uploaded_and_fetched_and_belong_to_the_token(keys: Keys, tmp_path: Path) -> None:
    clock = SystemClock()
    paths = Paths(tmp_path)
    contents = {name: f"content of {name}".encode() for name in shared_keys.FILES}
    async with running(keys) as cluster:
        config = ClientConfig.from_kubeconfig(cluster.kubeconfig(tmp_path))
        async with Client(config, clock=clock) as client:
            key, token = shared_keys.generate(), tokens.generate()
            with pytest.raises(BootstrapError, match="are not in the cluster"):
                await shared_keys.fetch(client, key)
            await tokens.create(client, token, clock.now(), tokens.DEFAULT_TTL)
            with pytest.raises(BootstrapError, match=r"ca\.crt is not here.*kubepy init --etcd"):
                await shared_keys.upload(client, paths, key, token)
            shared_keys.write(contents, paths)
            for _ in range(2):  # the second replaces the first
                await shared_keys.upload(client, paths, key, token)
            assert await shared_keys.fetch(client, key) == contents
            with pytest.raises(BootstrapError, match="does not open"):
                await shared_keys.fetch(client, shared_keys.generate())
            secret = await client.get(SECRETS, shared_keys.NAME, namespace=shared_keys.NAMESPACE)
            (owner,) = secret["metadata"]["ownerReferences"]
            assert owner["name"] == f"bootstrap-token-{token[:6]}"
            assert not any(b"content of" in base64.b64decode(value) for value in secret["data"].values())
