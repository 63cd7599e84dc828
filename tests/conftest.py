"""What all tests share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of every asynchronous test."""
    return "asyncio"
