"""The event loop of the examples' tests. Their cluster is the fixture `kube_cluster` of kubepy.testing."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
