"""The machines of a module: made, installed, set up; taken away whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from integration.harness import Namespace, until
from integration.machines.lab import Lab, remove_leftovers, why_not
from integration.manifests import CLIENT, WEB


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = why_not()
    for item in items:
        if "machines" in str(item.path) and reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A master and three workers."""
    with set_up() as found:
        yield found


@contextmanager
def set_up(masters: int = 1, workers: int = 3) -> Iterator[Lab]:
    """Made, installed, joined; taken away whatever happens."""
    remove_leftovers()
    found = Lab(masters, workers)
    try:
        try:
            found.create()
            found.install_all()
            found.init()
            found.join_all()
        except BaseException as error:
            raise RuntimeError(f"the machines were not set up: {error}\n{found.state()}") from error
        yield found
    finally:
        found.remove()


@pytest.fixture(scope="module")
def web(lab: Lab) -> Namespace:
    """Three web pods behind a NodePort, and a client: they must live through everything."""
    lab.cluster.ok("create", "namespace", "proof")
    found = Namespace(lab.cluster, "proof")
    until(lambda: found.kubectl("get", "serviceaccount", "default").returncode == 0, "the service account")
    found.apply(WEB)
    found.apply(CLIENT)
    found.ok("rollout", "status", "deployment/web", "--timeout=90s")
    found.ok("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    return found
