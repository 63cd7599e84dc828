"""CertificateSigningRequests: approved, signed, cleaned."""

from __future__ import annotations

import base64
import datetime
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubepy.client import Client as RestClient
from kubepy.client import ClientConfig, EventRecorder
from kubepy.controllers.certificates import approver, cleaner, requests, signer
from kubepy.controllers.certificates.authority import Authority
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.controllers.context import Context
from kubepy.machinery.certificates import parse_request
from kubepy.operator import Manager
from kubepy.util.clock import SystemClock
from tests.apiserver.conftest import Client, Cluster, Keys, keys, running

__all__ = ["keys"]
pytestmark = pytest.mark.anyio
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CLIENT_USAGES = ["client auth", "digital signature"]


def request(common_name: str, *organizations: str, dns: tuple[str, ...] = ()) -> str:
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations]
    names.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    if dns:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(list(map(x509.DNSName, dns))), critical=False
        )
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


def csr(name: str, text: str, signer_name: str = requests.CLIENT, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"request": text, "signerName": signer_name, "usages": CLIENT_USAGES, **spec},
    }


def make_ca(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "sign.crt", folder / "sign.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


@asynccontextmanager
async def controllers(cluster: Cluster, keys: Keys, folder: Path) -> AsyncIterator[Authority]:
    """The three controllers, as the controller-manager runs them."""
    certificate, key = make_ca(folder)
    kubeconfig = cluster.kubeconfig(folder)
    config = ControllerManagerConfig(
        kubeconfig, cluster_signing_cert_file=certificate, cluster_signing_key_file=key
    )
    clock = SystemClock()
    client_config = ClientConfig.from_kubeconfig(kubeconfig)
    async with RestClient(client_config, user_agent="test", clock=clock) as client:
        manager = Manager(client, clock)
        recorder = EventRecorder(client, "test", clock=clock)
        context = Context(client, manager.factory, recorder, clock, config)
        for new in (approver.new, signer.new, cleaner.new):
            controller = new(context)
            assert controller is not None
            manager.add(controller)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(manager.run)
            yield Authority.load(certificate, key)
            tasks.cancel_scope.cancel()


@pytest.fixture
async def cluster(keys: Keys) -> AsyncIterator[Cluster]:
    async with running(keys) as made:
        yield made


async def until(client: Client, name: str, field: str) -> Any:
    with anyio.fail_after(10):
        while True:
            status = (await client.get(f"{CSRS}/{name}")).json.get("status") or {}
            if status.get(field):
                return status[field]
            await anyio.sleep(0.02)


async def approve(client: Client, name: str, kind: str = "Approved") -> Any:
    obj = (await client.get(f"{CSRS}/{name}")).json
    condition = {"type": kind, "status": "True", "reason": "Test", "message": "by a test"}
    obj["status"] = {"conditions": [condition]}
    return await client.put(f"{CSRS}/{name}/approval", obj)


async def test_an_approved_request_is_signed(cluster: Cluster, keys: Keys, tmp_path: Path) -> None:
    async with controllers(cluster, keys, tmp_path) as authority:
        admin = cluster.admin
        made = await cluster.client("ida", "system:masters").post(
            CSRS, csr("jane", request("jane", "dev"), expirationSeconds=3600, username="forged")
        )
        assert made.status == 201, made.body
        assert made.json["spec"]["username"] == "ida"
        assert made.json["spec"]["groups"] == ["system:masters", "system:authenticated"]
        approved = await approve(admin, "jane")
        assert approved.status == 200, approved.body
        assert approved.json["status"]["conditions"][0]["lastUpdateTime"]
        pem = base64.b64decode(await until(admin, "jane", "certificate"))
    certificate = x509.load_pem_x509_certificate(pem)
    certificate.verify_directly_issued_by(authority.certificate)
    assert certificate.subject.rfc4514_string() == "CN=jane,O=dev"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert datetime.timedelta(minutes=60) < lifetime < datetime.timedelta(minutes=70)


async def test_a_kubelets_request_is_approved_by_rbac(cluster: Cluster, keys: Keys, tmp_path: Path) -> None:
    async with controllers(cluster, keys, tmp_path):
        admin = cluster.admin
        roles = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
        role = "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"
        group = "rbac.authorization.k8s.io"
        await admin.post(
            roles,
            {
                "metadata": {"name": "renew"},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": group, "kind": "Group", "name": "system:nodes"}],
            },
        )
        node = cluster.client("system:node:n1", "system:nodes")
        mine = csr("mine", request("system:node:n1", "system:nodes"), requests.KUBELET_CLIENT)
        assert (await node.post(CSRS, mine)).status == 201
        (condition,) = await until(admin, "mine", "conditions")
        assert condition["reason"] == "AutoApproved"
        assert condition["message"] == (
            "Auto approving self kubelet client certificate after SubjectAccessReview."
        )
        await until(admin, "mine", "certificate")


async def test_what_a_signer_does_not_accept_fails(cluster: Cluster, keys: Keys, tmp_path: Path) -> None:
    async with controllers(cluster, keys, tmp_path):
        admin = cluster.admin
        await admin.post(CSRS, csr("bad", request("jane"), requests.KUBELET_SERVING))
        await approve(admin, "bad")
        with anyio.fail_after(10):
            while True:
                conditions = (await admin.get(f"{CSRS}/bad")).json["status"]["conditions"]
                if len(conditions) == 2:
                    break
                await anyio.sleep(0.02)
        assert (conditions[1]["type"], conditions[1]["message"]) == (
            "Failed",
            "subject organization is not system:nodes",
        )


async def test_who_may_approve(cluster: Cluster) -> None:
    admin = cluster.admin
    await admin.post(CSRS, csr("jane", request("jane")))
    group = "rbac.authorization.k8s.io"
    rules = [
        {
            "verbs": ["get", "update"],
            "apiGroups": ["certificates.k8s.io"],
            "resources": ["certificatesigningrequests", "certificatesigningrequests/approval"],
        }
    ]
    rbac = f"/apis/{group}/v1"
    await admin.post(f"{rbac}/clusterroles", {"metadata": {"name": "csr"}, "rules": rules})
    subject = {"apiGroup": group, "kind": "User", "name": "zoe"}

    async def bind(name: str, role: str) -> None:
        reference = {"apiGroup": group, "kind": "ClusterRole", "name": role}
        made = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        assert (await admin.post(f"{rbac}/clusterrolebindings", made)).status == 201

    await bind("a", "csr")
    zoe = cluster.client("zoe")
    refused = await approve(zoe, "jane")
    assert refused.status == 403
    assert refused.message == (
        'certificatesigningrequests.certificates.k8s.io "jane" is forbidden: user not permitted to approve '
        'requests with signerName "kubernetes.io/kube-apiserver-client"'
    )
    await bind("b", "system:certificates.k8s.io:kube-apiserver-client-approver")
    assert (await approve(zoe, "jane")).status == 200
    assert (await approve(zoe, "jane", "Denied")).status == 422


async def test_what_a_request_must_be(cluster: Cluster) -> None:
    admin = cluster.admin
    refused = await admin.post(CSRS, csr("x", "bm9wZQ=="))
    assert (
        'spec.request: Invalid value: "bm9wZQ==": PEM block type must be CERTIFICATE REQUEST'
        in refused.message
    )
    wrong = csr("x", request("jane"), "nosigner", usages=["client auth", "client auth"], expirationSeconds=5)
    texts = [cause["message"] for cause in (await admin.post(CSRS, wrong)).json["details"]["causes"]]
    assert texts == [
        'Duplicate value: "client auth"',
        'Invalid value: "nosigner": must be a fully qualified domain and path of the form '
        '"example.com/signer-name"',
        "Invalid value: 5: may not specify a duration less than 600 seconds (10 minutes)",
    ]
    masters = await admin.post(CSRS, csr("x", request("jane", "system:masters")))
    assert masters.message.endswith(
        "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
    )


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
async def test_stock_kubectl_approves(cluster: Cluster, keys: Keys, tmp_path: Path) -> None:
    async with controllers(cluster, keys, tmp_path):
        await cluster.admin.post(CSRS, csr("jane", request("jane")))

        async def kubectl(*arguments: str) -> str:
            command = ["kubectl", "--kubeconfig", str(cluster.kubeconfig(tmp_path)), *arguments]
            done = await anyio.run_process(command)
            return done.stdout.decode()

        assert "approved" in await kubectl("certificate", "approve", "jane")
        await until(cluster.admin, "jane", "certificate")
        assert "Approved,Issued" in await kubectl("get", "csr", "jane")


def test_kubelets_requests() -> None:
    good = parse_request(request("system:node:n", "system:nodes"))
    assert requests.kubelet_client_problem(good, CLIENT_USAGES) == ""
    assert requests.kubelet_client_problem(good, ["client auth"]) != ""
    serving = parse_request(request("system:node:n", "system:nodes", dns=("n",)))
    assert requests.kubelet_serving_problem(serving, ["digital signature", "server auth"]) == ""
    assert "DNS subjectAltNames" in requests.kubelet_client_problem(serving, CLIENT_USAGES)
    assert "is required" in requests.kubelet_serving_problem(good, ["digital signature", "server auth"])


def test_old_requests() -> None:
    def made(*kinds: str, certificate: str = "") -> dict[str, Any]:
        time = "2026-01-01T00:00:00Z"
        conditions = [{"type": kind, "status": "True", "lastUpdateTime": time} for kind in kinds]
        status: dict[str, Any] = {"conditions": conditions}
        if certificate:
            status["certificate"] = certificate
        return {"metadata": {"name": "x", "creationTimestamp": time}, "status": status}

    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp()
    assert not cleaner.is_old(made(), start + 23 * 3600)
    assert cleaner.is_old(made(), start + 25 * 3600)
    assert not cleaner.is_old(made("Denied"), start + 1800)
    assert cleaner.is_old(made("Denied"), start + 3700)
    assert not cleaner.is_old(made("Approved"), start + 3700)
    assert cleaner.is_old(made("Approved", certificate="eA=="), start + 3700)
