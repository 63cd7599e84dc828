"""Bootstrap tokens: their form, their Secrets, how long they last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from kubepy.api.resources import CONFIG_MAPS
from kubepy.bootstrap import tokens
from kubepy.bootstrap.errors import BootstrapError
from kubepy.client import Client, ClientConfig
from kubepy.controllers.bootstrap import tokens as understood
from kubepy.util.clock import SystemClock
from tests.apiserver.conftest import Keys, keys, running

__all__ = ["keys"]

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TOKEN = "abcdef.0123456789abcdef"


def test_a_generated_token_is_well_formed_and_new_each_time() -> None:
    made = {tokens.generate() for _ in range(50)}
    assert len(made) == 50
    assert all(tokens.PATTERN.fullmatch(token) for token in made)


@pytest.mark.parametrize(
    "bad", ["", "abcdef", "ABCDEF.0123456789abcdef", f"{TOKEN}x", "abcdef-0123456789abcdef"]
)
def test_a_malformed_token_is_refused_with_its_form(bad: str) -> None:
    with pytest.raises(BootstrapError, match="six and sixteen small letters and digits"):
        tokens.check(bad)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("24h", timedelta(hours=24)),
        ("1h30m", timedelta(minutes=90)),
        ("90s", timedelta(seconds=90)),
        ("0", timedelta(0)),
    ],
)
def test_durations(text: str, wanted: timedelta) -> None:
    assert tokens.parse_ttl(text) == wanted


@pytest.mark.parametrize("text", ["", "24", "h", "1d", "-1h", "1h x"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BootstrapError, match="is no duration"):
        tokens.parse_ttl(text)


def test_the_controllers_understand_the_secret() -> None:
    secret = tokens.secret_of(TOKEN, NOW + timedelta(hours=1), "for a test")
    found = understood.token_of(secret)
    assert found == understood.Token("abcdef", "0123456789abcdef", True, NOW + timedelta(hours=1))
    listed = tokens.token_of(secret)
    assert listed is not None
    assert (listed.text, listed.expires, listed.usages) == (TOKEN, found.expires, tokens.USAGES)
    assert (listed.description, listed.groups) == ("for a test", tokens.GROUP)


def test_a_secret_of_another_name_is_no_token() -> None:
    secret = tokens.secret_of(TOKEN, None)
    secret["metadata"]["name"] = "bootstrap-token-zzzzzz"
    assert tokens.token_of(secret) is None


@pytest.mark.anyio
async def test_a_token_is_good_when_cluster_info_bears_its_signature(keys: Keys, tmp_path: Path) -> None:
    clock = SystemClock()
    async with running(keys) as cluster:
        config = ClientConfig.from_kubeconfig(cluster.kubeconfig(tmp_path))
        async with Client(config, clock=clock) as client:
            assert not await tokens.wait_signed(client, TOKEN, clock)  # nobody is invited: no reason to wait
            info = {"metadata": {"name": "cluster-info"}, "data": {"kubeconfig": "x"}}
            await client.create(CONFIG_MAPS, info, namespace="kube-public")
            assert not await tokens.wait_signed(client, TOKEN, clock, within=0.2)
            async with anyio.create_task_group() as group:

                async def sign() -> None:
                    await clock.sleep(0.3)
                    signed = {"data": {"jws-kubeconfig-abcdef": "a..b"}}
                    await client.patch(CONFIG_MAPS, "cluster-info", signed, namespace="kube-public")

                group.start_soon(sign)
                assert await tokens.wait_signed(client, TOKEN, clock, within=10)
