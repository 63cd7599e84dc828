"""Where a node's kubelet answers, and the TLS with which the server calls it."""

from __future__ import annotations

import ssl

from kubepy.apiserver.config import APIServerConfig
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj

_PREFERRED = ("InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS")
_DEFAULT_PORT = 10250


def tls_context(config: APIServerConfig) -> ssl.SSLContext:
    """The client's side: our certificate; the kubelet's is checked when its authority is configured."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.kubelet_certificate_authority is not None:
        context.load_verify_locations(config.kubelet_certificate_authority)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.kubelet_client_certificate is not None:
        context.load_cert_chain(config.kubelet_client_certificate, config.kubelet_client_key)
    return context


def address_of(node: Obj) -> tuple[str, int]:
    """Host and port of a node's kubelet. Raises 500 when the node has told none."""
    status = node.get("status") or {}
    addresses = {a.get("type"): a.get("address") for a in reversed(status.get("addresses") or [])}
    endpoint = (status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
    for kind in _PREFERRED:
        if addresses.get(kind):
            return addresses[kind], endpoint.get("Port") or _DEFAULT_PORT
    raise errors.internal_error(f"no preferred addresses found; known addresses: {list(addresses.items())}")
