"""What all tests share."""

import pytest
from hypothesis import HealthCheck, settings

# A busy machine draws examples slowly and runs them slowly; neither is a fault of what is tested.
settings.register_profile("kubepy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kubepy")


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of every asynchronous test."""
    return "asyncio"
