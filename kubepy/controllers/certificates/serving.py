"""When a kubelet's serving certificate is approved without a person: for a node's own name and addresses."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.controllers.certificates.requests import KUBELET_SERVING, kubelet_serving_problem
from kubepy.machinery.certificates import CertificateRequest
from kubepy.machinery.meta import Obj

MESSAGE = "Auto approving kubelet serving certificate: the node asks for its own name and addresses."
NODE_USER = "system:node:"
NODES_GROUP = "system:nodes"
NAME_TYPES = ("Hostname", "InternalDNS", "ExternalDNS")
ADDRESS_TYPES = ("InternalIP", "ExternalIP")


def requesting_node(csr: Obj, request: CertificateRequest) -> str:
    """The node that asks for a serving certificate of its own; "" when it is nothing of the kind. Pure."""
    spec = csr["spec"]
    if spec.get("signerName") != KUBELET_SERVING:
        return ""
    if kubelet_serving_problem(request, spec.get("usages") or ()):
        return ""
    user = spec.get("username") or ""
    if user != request.common_name or NODES_GROUP not in (spec.get("groups") or ()):
        return ""
    return user.removeprefix(NODE_USER)


def may_name(node: Obj, request: CertificateRequest) -> bool:
    """Whether every name and address in the request is the node's. Pure."""
    addresses = (node.get("status") or {}).get("addresses") or ()
    names = {node["metadata"]["name"], *_of(addresses, NAME_TYPES)}
    return names.issuperset(request.dns_names) and set(_of(addresses, ADDRESS_TYPES)).issuperset(
        request.ip_addresses
    )


def _of(addresses: Iterable[Obj], types: tuple[str, ...]) -> list[str]:
    return [each["address"] for each in addresses if each.get("type") in types]
