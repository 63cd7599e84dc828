"""The event loop of the examples' tests. Their cluster is the fixture `kube_cluster` of kubepy.testing."""

import pytest
from hypothesis import HealthCheck, settings

# A busy machine draws and runs examples slowly; that is no fault of what is tested.
settings.register_profile("kubepy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kubepy")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
