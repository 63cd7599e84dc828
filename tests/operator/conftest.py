"""A true API server in the test's process, and a client of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kubepy.client import Client, ClientConfig
from tests.apiserver.conftest import Cluster, Keys, keys, running

__all__ = ["client", "keys", "server"]


@pytest.fixture
async def server(keys: Keys) -> AsyncIterator[Cluster]:
    async with running(keys) as cluster:
        yield cluster


@pytest.fixture
async def client(server: Cluster, tmp_path: Path) -> AsyncIterator[Client]:
    async with Client(ClientConfig.from_kubeconfig(server.kubeconfig(tmp_path))) as client:
        yield client
