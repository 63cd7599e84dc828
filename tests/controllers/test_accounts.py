"""Controllers that write as their own service accounts."""

from __future__ import annotations

import pytest

from kubepy.apiserver.bootstrap.controller_policy import cluster_role_bindings
from kubepy.client import Client, ClientConfig
from kubepy.controllers import accounts
from kubepy.controllers.run import BUILDERS, GARBAGE_COLLECTOR

pytestmark = pytest.mark.anyio


def test_every_account_has_a_role_and_every_name_is_a_controllers() -> None:
    bound = {binding["subjects"][0]["name"] for binding in cluster_role_bindings()}
    assert set(accounts.ACCOUNTS.values()) <= bound
    assert accounts.ACCOUNTS.keys() <= {*BUILDERS, GARBAGE_COLLECTOR}


async def test_one_client_per_account_or_one_for_all() -> None:
    async with Client(ClientConfig("http://127.0.0.1:1")) as own:
        async with accounts.clients(own, separate=True) as clients:
            signer = clients.of("certificatesigningrequest-signing-controller")
            assert signer.config.impersonate == "system:serviceaccount:kube-system:certificate-controller"
            assert "system:serviceaccounts" in signer.config.impersonate_groups
            assert clients.of("certificatesigningrequest-cleaner-controller") is signer
            assert clients.of("local-path-provisioner-controller") is own
        async with accounts.clients(own, separate=False) as clients:
            assert clients.of("job-controller") is own
