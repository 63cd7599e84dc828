"""What a start loads, and what it finds of the run before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kubepy.apiserver.authentication import jwt

from .conftest import CONFIG_MAPS, PODS, Keys, config_map, make_default_account, pod, running

SECRETS = "/api/v1/namespaces/default/secrets"
NOT_NEEDED = {
    "cryptography.x509",
    "grpc",
    "kubepy.api.printers.registry",
    "kubepy.api.validation.pods",
    "kubepy.apiserver.admission.configured",
    "kubepy.machinery.cel.program",
    "kubepy.machinery.jsonpath",
    "kubepy.machinery.structural.compiled",
    "kubepy.storage.encryption",
    "kubepy.storage.etcd.backend",
    "numpy",
    "pydantic",
    "rich",
}


def test_the_server_loads_only_what_every_server_needs() -> None:
    program = "import sys, kubepy.apiserver.run, kubepy.apiserver.server; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "aiohttp" in loaded
    assert not NOT_NEEDED & loaded


def test_the_rest_is_loaded_in_idle_time() -> None:
    program = """
import sys, anyio
from kubepy.apiserver.warming import warm

class Clock:
    slept = 0.0
    async def sleep(self, seconds):
        self.slept += seconds

clock = Clock()
anyio.run(warm, clock)
print(clock.slept > 1, *sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    slept, *loaded = done.stdout.split()
    assert slept == "True"
    left_out = {
        "grpc",
        "kubepy.storage.encryption",
        "kubepy.storage.etcd.backend",
        "numpy",
        "pydantic",
        "rich",
    }
    assert NOT_NEEDED - left_out <= set(loaded)
    assert not left_out & set(loaded)


@pytest.mark.anyio
async def test_objects_of_the_run_before_are_shown_with_their_revisions(keys: Keys, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/state.db"
    async with running(keys, storage) as cluster:
        for name in ("b", "a", "c"):
            await cluster.admin.post(CONFIG_MAPS, config_map(name))
        await cluster.admin.patch(f"{CONFIG_MAPS}/b", {"data": {"k": "w"}})
        await cluster.admin.delete(f"{CONFIG_MAPS}/c")
        before = (await cluster.admin.get(CONFIG_MAPS)).json["items"]
    async with running(keys, storage) as cluster:
        after = (await cluster.admin.get(CONFIG_MAPS)).json["items"]
        assert after == before
        assert [item["metadata"]["name"] for item in after] == ["a", "b"]
        single = (await cluster.admin.get(f"{CONFIG_MAPS}/b")).json
        assert single["metadata"]["resourceVersion"] == before[1]["metadata"]["resourceVersion"]


@pytest.mark.anyio
async def test_a_node_is_known_by_the_pods_of_the_run_before(keys: Keys, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/state.db"
    async with running(keys, storage) as cluster:
        await make_default_account(cluster.admin)
        for name in ("stays", "goes"):
            await cluster.admin.post(SECRETS, {"metadata": {"name": name}})
            volume = {"name": "v", "secret": {"secretName": name}}
            made = await cluster.admin.post(PODS, pod(name, nodeName="n1", volumes=[volume]))
            assert made.status == 201
    async with running(keys, storage) as cluster:
        # Whether or not the idle task has come to it.
        gone = await cluster.admin.delete(f"{PODS}/goes", {"gracePeriodSeconds": 0})
        assert gone.status == 200
        node = cluster.client("system:node:n1", "system:nodes")
        assert (await node.get(f"{SECRETS}/stays")).status == 200
        assert (await node.get(f"{SECRETS}/goes")).status == 403
        other = cluster.client("system:node:n2", "system:nodes")
        assert (await other.get(f"{SECRETS}/stays")).status == 403


@pytest.mark.anyio
async def test_default_roles_that_are_as_they_should_be_are_not_written(keys: Keys, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/state.db"
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    async with running(keys, storage) as cluster:
        first = (await cluster.admin.get(path)).json["items"]
    async with running(keys, storage) as cluster:
        assert (await cluster.admin.get(path)).json["items"] == first


def test_a_damaged_rsa_key_is_refused(tmp_path: Path) -> None:
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    other = rsa.generate_private_key(65537, 2048).private_numbers()
    mixed = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, other.d, other.dmp1, other.dmq1, other.iqmp, numbers.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    file = tmp_path / "sa.key"
    file.write_bytes(
        mixed.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(ValueError, match="damaged"):
        jwt.load_private_key(file)
