"""A node gets a serving certificate for its own name and addresses without a person, and for nothing else."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubepy.bootstrap.requests import SERVING_SIGNER, make_key, node_request
from kubepy.controllers.certificates.serving import may_name, requesting_node
from kubepy.machinery.certificates import CertificateRequest, parse_request

NODE = {
    "metadata": {"name": "w1"},
    "status": {
        "addresses": [{"type": "InternalIP", "address": "10.0.0.7"}, {"type": "Hostname", "address": "w1"}]
    },
}


def asked(
    name: str = "w1", addresses: tuple[str, ...] = ("10.0.0.7",), **spec: Any
) -> tuple[Any, CertificateRequest]:
    request = base64.b64encode(node_request(make_key()[0], name, addresses)).decode()
    csr = {
        "spec": {
            "request": request,
            "signerName": SERVING_SIGNER,
            "usages": ["digital signature", "server auth"],
            "username": "system:node:w1",
            "groups": ["system:nodes", "system:authenticated"],
            **spec,
        }
    }
    return csr, parse_request(request)


def test_its_own() -> None:
    csr, request = asked()
    assert requesting_node(csr, request) == "w1"
    assert may_name(NODE, request)


@pytest.mark.parametrize(
    "spec",
    [
        {"username": "system:node:w2"},
        {"username": "kubernetes-admin"},
        {"groups": ["system:authenticated"]},
        {"signerName": "kubernetes.io/kube-apiserver-client-kubelet"},
        {"usages": ["digital signature", "client auth"]},
    ],
)
def test_for_another_or_by_another(spec: dict[str, Any]) -> None:
    csr, request = asked(**spec)
    assert requesting_node(csr, request) == ""


@pytest.mark.parametrize("addresses", [("10.0.0.8",), ("10.0.0.7", "10.96.0.1")])
def test_an_address_that_is_not_the_nodes(addresses: tuple[str, ...]) -> None:
    assert not may_name(NODE, asked(addresses=addresses)[1])


def test_a_node_without_addresses_may_name_none() -> None:
    assert not may_name({"metadata": {"name": "w1"}}, asked()[1])
