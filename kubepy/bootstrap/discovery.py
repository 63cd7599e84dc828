"""How a machine that knows a token and the authority's hash comes to trust a cluster.

cluster-info is read from a server that nobody vouches for yet; the token's signature (HMAC) shows that who
wrote it knows the token, the hash that its authority is the one meant. Then it is read again, over TLS that
this authority vouches for. kubeadm's token discovery.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import yaml

from kubepy.bootstrap import tokens
from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.invitation import ca_hash
from kubepy.util.clock import Clock

PATH = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
TIMEOUT = 10.0
MAX_SKEW = 120.0
INVITE = "`kubepy token create --print-join-command` on the master prints a command that works"


@dataclass(frozen=True)
class Discovered:
    """A cluster to trust: its authority (PEM) and its API server's address."""

    ca: bytes
    server: str


def discover(endpoint: str, token: str, ca_hashes: list[str], clock: Clock) -> Discovered:
    """Find the cluster at ``endpoint`` (HOST:PORT). Raises BootstrapError."""
    identifier, secret = tokens.check(token)
    if not ca_hashes:
        raise BootstrapError(
            "without the hash of the cluster's authority this machine would trust whoever answers: give "
            f"--discovery-token-ca-cert-hash; {INVITE}"
        )
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    data, date = _cluster_info(endpoint, unverified)
    check_skew(date, clock)
    text = _verified(data, identifier, secret)
    found = _parse(text)
    actual = ca_hash(found.ca)
    if actual not in ca_hashes:
        raise BootstrapError(
            f"the authority of the cluster at {endpoint} has the hash {actual}, which is not the one given: "
            f"is this the right cluster? {INVITE}"
        )
    trusted = ssl.create_default_context(cadata=found.ca.decode())
    again, _ = _cluster_info(endpoint, trusted)
    if _verified(again, identifier, secret) != text:
        raise BootstrapError(f"{endpoint} says two different things about its cluster: try again")
    return found


def check_skew(date: str, clock: Clock) -> None:
    """The server's Date is about ours. Raises BootstrapError."""
    if not date:
        return
    skew = clock.time() - parsedate_to_datetime(date).timestamp()
    if abs(skew) > MAX_SKEW:
        side = "ahead of" if skew > 0 else "behind"
        raise BootstrapError(
            f"this machine's clock is {abs(skew):.0f} s {side} the API server's"
            ": certificates would not be valid. Set it (timedatectl set-ntp true), then try again"
        )


def _cluster_info(endpoint: str, tls: ssl.SSLContext) -> tuple[dict[str, str], str]:
    host, _, port = endpoint.rpartition(":")
    if not host or not port.isdigit():
        raise BootstrapError(f"{endpoint!r} is no HOST:PORT, as in 192.168.56.10:6443")
    connection = http.client.HTTPSConnection(host.strip("[]"), int(port), timeout=TIMEOUT, context=tls)
    try:
        connection.request("GET", PATH, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise BootstrapError(
            f"the API server at {endpoint} does not answer ({error}): check the address, the network between "
            "the machines, and on the master `systemctl status kubepy-apiserver`"
        ) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise BootstrapError(
            f"the server at {endpoint} does not invite anybody (HTTP {answer.status}): run kubepy init "
            "on it first"
        )
    try:
        return dict(json.loads(body).get("data") or {}), answer.getheader("Date") or ""
    except ValueError as error:
        raise BootstrapError(f"the server at {endpoint} does not speak Kubernetes' API: {error}") from error


def _verified(data: dict[str, str], identifier: str, secret: str) -> str:
    """The kubeconfig of cluster-info, when the token signed it."""
    text, signature = data.get("kubeconfig", ""), data.get(f"jws-kubeconfig-{identifier}")
    if not signature:
        raise BootstrapError(
            f"the cluster knows no token with the id {identifier}, or it has expired: {INVITE}"
        )
    header, _, rest = signature.partition(".")
    _, _, given = rest.partition(".")
    digest = hmac.new(secret.encode(), f"{header}.{_base64url(text.encode())}".encode(), hashlib.sha256)
    if not hmac.compare_digest(_base64url(digest.digest()), given):
        raise BootstrapError(f"the token's second half is not that of the token {identifier}: {INVITE}")
    return text


def _parse(text: str) -> Discovered:
    try:
        cluster = yaml.safe_load(text)["clusters"][0]["cluster"]
        return Discovered(base64.b64decode(cluster["certificate-authority-data"]), cluster["server"])
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError) as error:
        raise BootstrapError(f"cluster-info holds no usable kubeconfig: {error!r}") from error


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
