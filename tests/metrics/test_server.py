"""The server over TLS: the front proxy is believed, others are not; what is asked for is answered."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import aiohttp
import anyio
import pytest

from kubepy.client.access import AccessReviews, UserInfo
from kubepy.cluster.pki import Identity, Pki
from kubepy.informer import Indexer, Lister
from kubepy.machinery.errors import StatusError, not_found
from kubepy.machinery.gvk import GR
from kubepy.metrics.authentication import FrontProxy, read_front_proxy
from kubepy.metrics.certificate import server_context
from kubepy.metrics.config import MetricsServerConfig
from kubepy.metrics.server import MetricsServer
from kubepy.metrics.store import NodePoints, Point, Store
from kubepy.util.clock import FakeClock

pytestmark = pytest.mark.anyio

ROOT = "/apis/metrics.k8s.io/v1beta1"


class Api:
    """The API server: alice may read everything in ns."""

    def __init__(self, data: dict[str, str] | None = None) -> None:
        self.reviews: list[Any] = []
        self.data = data

    async def create(self, _: Any, review: Any) -> Any:
        self.reviews.append(review["spec"])
        wanted = review["spec"]["resourceAttributes"]
        allowed = review["spec"]["user"] == "alice" and wanted.get("namespace") == "ns"
        return {"status": {"allowed": allowed}}

    async def get(self, _: Any, name: str, *, namespace: str) -> Any:
        if self.data is None:
            raise not_found(GR("", "configmaps"), name)
        return {"data": self.data}


def lister(*objects: Any) -> Lister:
    indexer = Indexer()
    for each in objects:
        indexer.put(each)
    return Lister(indexer)


def pod(name: str, **labels: str) -> Any:
    return {"metadata": {"name": name, "namespace": "ns", "labels": labels}}


@asynccontextmanager
async def serving(tmp_path: Path, port: int) -> AsyncIterator[tuple[Api, Any, Any]]:
    """(the API, who asks as the front proxy, who asks with a certificate of the same CA by another name)."""
    now = datetime.now(UTC)
    pki = Pki(tmp_path, now, "front-proxy-ca", "front-proxy-ca")
    config = MetricsServerConfig(address="127.0.0.1", port=port)
    tls = server_context(config, now)
    authority = pki.ca.certificate.read_text()
    tls.load_verify_locations(cadata=authority)
    store = Store(15)
    for at in (1000.0, 1010.0):
        pods = {("ns", name): {"c": Point(at, at / 20, 1 << 20)} for name in ("a", "b")}
        store.put("n", NodePoints(Point(at, at / 10, 1 << 30), pods))
    api, clock = Api(), FakeClock()
    server = MetricsServer(
        config,
        store,
        lister({"metadata": {"name": "n"}}),
        lister(pod("a", app="x"), pod("b", app="y"), pod("silent")),
        lambda: FrontProxy(authority, ("front-proxy-client",)),
        AccessReviews(cast(Any, api), clock, allowed_for=10, denied_for=10),
        clock,
        is_ready=lambda: True,
    )

    def session(name: str) -> aiohttp.ClientSession:
        pair = pki.ensure(name, Identity(name))
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(pair.certificate, pair.key)
        return aiohttp.ClientSession(f"https://127.0.0.1:{port}", connector=aiohttp.TCPConnector(ssl=context))

    async with anyio.create_task_group() as group:
        await group.start(server.run, tls)
        async with session("front-proxy-client") as proxy, session("mallory") as other:
            yield api, proxy, other
        group.cancel_scope.cancel()


async def ask(session: Any, path: str, user: str = "alice", **headers: str) -> tuple[int, Any]:
    named = {"X-Remote-User": user, "X-Remote-Group": "dev"} if user else {}
    async with session.get(path, headers={**named, **headers}) as answer:
        return answer.status, await answer.json()


async def test_what_is_asked_for_is_answered(tmp_path: Path, free_tcp_port: int) -> None:
    async with serving(tmp_path, free_tcp_port) as (api, proxy, _):
        status, listed = await ask(proxy, f"{ROOT}/namespaces/ns/pods")
        assert (status, listed["kind"]) == (200, "PodMetricsList")
        assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b"]
        assert listed["items"][0]["containers"] == [
            {"name": "c", "usage": {"cpu": "50000000n", "memory": "1024Ki"}}
        ]
        _, listed = await ask(proxy, f"{ROOT}/namespaces/ns/pods?labelSelector=app%3Dy")
        assert [item["metadata"]["name"] for item in listed["items"]] == ["b"]
        _, listed = await ask(proxy, f"{ROOT}/namespaces/ns/pods?fieldSelector=metadata.name%3Da")
        assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
        assert (await ask(proxy, f"{ROOT}/namespaces/ns/pods/a"))[0] == 200
        status, error = await ask(proxy, f"{ROOT}/namespaces/ns/pods/silent")
        assert (status, error["reason"]) == (404, "NotFound")
        assert (await ask(proxy, f"{ROOT}/namespaces/ns/pods?labelSelector=(("))[0] == 400
        assert (await ask(proxy, f"{ROOT}/unknown"))[0] in (403, 404)
        assert (await ask(proxy, "/apis/metrics.k8s.io"))[1]["preferredVersion"]["version"] == "v1beta1"
        assert [r["name"] for r in (await ask(proxy, ROOT))[1]["resources"]] == ["nodes", "pods"]
        first = api.reviews[0]
        assert (first["user"], first["groups"]) == ("alice", ["dev"])
        assert first["resourceAttributes"]["verb"] == "list"


async def test_who_may_not_is_told_so(tmp_path: Path, free_tcp_port: int) -> None:
    async with serving(tmp_path, free_tcp_port) as (_, proxy, other):
        status, error = await ask(proxy, f"{ROOT}/nodes")
        assert status == 403
        assert error["message"] == (
            'nodes.metrics.k8s.io is forbidden: User "alice" cannot list resource "nodes" '
            'in API group "metrics.k8s.io" at the cluster scope'
        )
        assert (await ask(proxy, f"{ROOT}/namespaces/ns/pods", user="bob"))[0] == 403
        assert (await ask(proxy, f"{ROOT}/namespaces/ns/pods", user=""))[0] == 401
        assert (await ask(other, f"{ROOT}/namespaces/ns/pods"))[0] == 401
        async with other.get("/readyz") as health:
            assert health.status == 200


async def test_whom_to_believe_is_read_from_the_cluster() -> None:
    published = {
        "requestheader-client-ca-file": "PEM",
        "requestheader-allowed-names": '["proxy"]',
        "requestheader-username-headers": '["X-User"]',
    }
    found = await read_front_proxy(cast(Any, Api(published)))
    assert found is not None
    assert (found.ca, found.allowed_names, found.user_headers) == ("PEM", ("proxy",), ("X-User",))
    assert found.group_headers == ("X-Remote-Group",)
    assert await read_front_proxy(cast(Any, Api({}))) is None
    with pytest.raises(StatusError):
        await read_front_proxy(cast(Any, Api()))


def test_extra_headers_name_keys() -> None:
    from multidict import CIMultiDict

    headers = CIMultiDict(
        [
            ("X-Remote-User", "u"),
            ("X-Remote-Group", "g1"),
            ("X-Remote-Group", "g2"),
            ("X-Remote-Extra-Scope", "s"),
        ]
    )
    peer = {"subject": ((("commonName", "proxy"),),)}
    found = FrontProxy("PEM").user(peer, cast(Any, headers))
    assert found == UserInfo("u", ("g1", "g2"), "", {"scope": ("s",)})
    assert FrontProxy("PEM", ("other",)).user(peer, cast(Any, headers)) is None
    assert FrontProxy("PEM").user(None, cast(Any, headers)) is None
