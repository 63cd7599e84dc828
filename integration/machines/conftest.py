"""The machines of the session: made, installed, set up; taken away whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.harness import Namespace, until
from integration.machines.lab import Lab, remove_leftovers, why_not
from integration.manifests import CLIENT, WEB


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = why_not()
    for item in items:
        if "machines" in str(item.path) and reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A master and three workers."""
    remove_leftovers()
    found = Lab()
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


@pytest.fixture(scope="session")
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
