"""The DNS server on real sockets."""

import anyio
import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from kubepy.dns.responder import Responder
from kubepy.dns.server import DnsServer, HealthServer
from kubepy.dns.upstream import Upstreams
from kubepy.util.clock import SystemClock
from tests.dns.test_responder import DIRECTORY, FakeDirectory, endpoints, service

pytestmark = pytest.mark.anyio

PORT, UPSTREAM_PORT, HEALTH_PORT = 15353, 15354, 15355


def server(
    directory: FakeDirectory = DIRECTORY, domain: str = "cluster.local", upstream: int = 9
) -> DnsServer:
    clock = SystemClock()
    return DnsServer(Responder(directory, domain, 5), Upstreams([("127.0.0.1", upstream)], clock), clock)


async def test_udp_tcp_and_forwarding() -> None:
    async with anyio.create_task_group() as group:
        listening = anyio.Event()
        group.start_soon(server(domain="upstream.test").serve, "127.0.0.1", UPSTREAM_PORT, lambda: None)
        group.start_soon(server(upstream=UPSTREAM_PORT).serve, "127.0.0.1", PORT, listening.set)
        await listening.wait()
        own = dns.message.make_query("web.default.svc.cluster.local", "A")
        foreign = dns.message.make_query("web.default.svc.upstream.test", "A")
        for query in (own, foreign):
            for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
                answer = await ask(query, "127.0.0.1", port=PORT, timeout=5)
                assert [i.to_text() for r in answer.answer for i in r] == ["10.96.0.9"]
        group.cancel_scope.cancel()


async def test_alias_to_a_foreign_name_is_followed_upstream() -> None:
    """A client's resolver asks once: what the alias leads to has to be in the answer."""
    outside = service("out", type="ExternalName", externalName="web.default.svc.upstream.test", clusterIP="")
    async with anyio.create_task_group() as group:
        listening = anyio.Event()
        group.start_soon(server(domain="upstream.test").serve, "127.0.0.1", UPSTREAM_PORT, lambda: None)
        inner = server(FakeDirectory([outside], []), upstream=UPSTREAM_PORT)
        group.start_soon(inner.serve, "127.0.0.1", PORT, listening.set)
        await listening.wait()
        query = dns.message.make_query("out.default.svc.cluster.local", "A")
        for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
            answer = await ask(query, "127.0.0.1", port=PORT, timeout=5)
            found = [i.to_text() for r in answer.answer for i in r]
            assert found == ["web.default.svc.upstream.test.", "10.96.0.9"]
        group.cancel_scope.cancel()


async def test_nobody_upstream_is_a_server_failure() -> None:
    async with anyio.create_task_group() as group:
        listening = anyio.Event()
        group.start_soon(server(upstream=9).serve, "127.0.0.1", PORT, listening.set)
        await listening.wait()
        query = dns.message.make_query("example.org", "A")
        answer = await dns.asyncquery.udp(query, "127.0.0.1", port=PORT, timeout=10)
        assert answer.rcode() == dns.rcode.SERVFAIL
        group.cancel_scope.cancel()


async def test_large_answers_are_cut_over_udp_and_whole_over_tcp() -> None:
    found = [{"addresses": [f"10.244.{n}.1"], "conditions": {"ready": True}} for n in range(100)]
    directory = FakeDirectory([service("db", clusterIP="None")], [endpoints("db", *found)])
    async with anyio.create_task_group() as group:
        listening = anyio.Event()
        group.start_soon(server(directory).serve, "127.0.0.1", PORT, listening.set)
        await listening.wait()
        query = dns.message.make_query("db.default.svc.cluster.local", "A")
        answer, used_tcp = await dns.asyncquery.udp_with_fallback(query, "127.0.0.1", port=PORT, timeout=5)
        assert used_tcp
        assert len(answer.answer[0]) == 100
        group.cancel_scope.cancel()


async def test_garbage_gets_no_answer_and_does_no_harm() -> None:
    async with anyio.create_task_group() as group:
        listening = anyio.Event()
        group.start_soon(server().serve, "127.0.0.1", PORT, listening.set)
        await listening.wait()
        async with await anyio.create_connected_udp_socket("127.0.0.1", PORT) as sock:
            for garbage in (b"", b"\0", b"\xff" * 600):
                await sock.send(garbage)
        query = dns.message.make_query("web.default.svc.cluster.local", "A")
        answer = await dns.asyncquery.udp(query, "127.0.0.1", port=PORT, timeout=5)
        assert answer.rcode() == dns.rcode.NOERROR
        group.cancel_scope.cancel()


async def test_health_tells_alive_from_ready() -> None:
    health = HealthServer()
    async with anyio.create_task_group() as group:
        group.start_soon(health.serve, "127.0.0.1", HEALTH_PORT)
        await anyio.sleep(0.05)
        assert await status("/health") == b"200"
        assert await status("/ready") == b"503"
        health.ready = True
        assert await status("/ready") == b"200"
        group.cancel_scope.cancel()


async def status(path: str) -> bytes:
    async with await anyio.connect_tcp("127.0.0.1", HEALTH_PORT) as connection:
        await connection.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return (await connection.receive()).split()[1]
