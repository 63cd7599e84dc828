"""The sockets: UDP and TCP on the DNS port, HTTP for health."""

from __future__ import annotations

import socket
from collections.abc import Callable

import anyio
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
from anyio.abc import SocketStream, TaskGroup, UDPSocket
from anyio.streams.buffered import BufferedByteReceiveStream

from kubepy.dns.responder import Responder, alias_target
from kubepy.dns.upstream import Upstreams, framed, read_framed
from kubepy.util.clock import Clock, move_on_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)

PLAIN_UDP = 512
LARGEST_UDP = 1232  # fits any path without fragments
TCP_IDLE = 10.0
FORWARDS_AT_ONCE = 1000


class DnsServer:
    """Serves queries with a Responder, and with Upstreams what the Responder does not know."""

    def __init__(self, responder: Responder, upstreams: Upstreams, clock: Clock) -> None:
        self._responder = responder
        self._upstreams = upstreams
        self._clock = clock
        self._forwards = anyio.CapacityLimiter(FORWARDS_AT_ONCE)

    async def serve(self, address: str, port: int, listening: Callable[[], None]) -> None:
        """Serve until cancelled; ``listening`` is called when both sockets are bound."""
        async with (
            await anyio.create_udp_socket(socket.AF_INET, local_host=address, local_port=port) as udp,
            await anyio.create_tcp_listener(local_host=address, local_port=port) as tcp,
            anyio.create_task_group() as group,
        ):
            listening()
            group.start_soon(tcp.serve, self._serve_tcp)
            await self._serve_udp(udp, group)

    async def _serve_udp(self, udp: UDPSocket, group: TaskGroup) -> None:
        async for wire, client in udp:
            query = _parse(wire)
            if query is None:
                continue
            response = self._responder.respond(query)
            if response is None:
                group.start_soon(self._forward_udp, udp, wire, query, client)
            elif _foreign_alias(query, response) is not None:
                group.start_soon(self._follow_udp, udp, query, response, client)
            else:
                await udp.sendto(_encode(query, response), *client)

    async def _forward_udp(
        self, udp: UDPSocket, wire: bytes, query: dns.message.Message, client: tuple[str, int]
    ) -> None:
        async with self._forwards:
            answer = await self._upstreams.ask(wire, tcp=False)
        await udp.sendto(answer or self._responder.failure(query).to_wire(), *client)

    async def _follow_udp(
        self,
        udp: UDPSocket,
        query: dns.message.Message,
        response: dns.message.Message,
        client: tuple[str, int],
    ) -> None:
        await self._follow_outside(query, response)
        await udp.sendto(_encode(query, response), *client)

    async def _follow_outside(self, query: dns.message.Message, response: dns.message.Message) -> None:
        """Complete an alias (an ExternalName Service) whose target others know."""
        target = _foreign_alias(query, response)
        if target is None:
            return
        question = dns.message.make_query(target, query.question[0].rdtype)
        async with self._forwards:
            answer = await self._upstreams.ask(question.to_wire(), tcp=False)
        found = _parse_answer(answer) if answer else None
        if found is not None:
            response.answer += found.answer

    async def _serve_tcp(self, connection: SocketStream) -> None:
        async with connection:
            stream = BufferedByteReceiveStream(connection)
            try:
                while True:
                    with move_on_after(self._clock, TCP_IDLE) as idle:
                        wire = await read_framed(stream)
                    if idle.cancelled_caught:
                        return
                    answer = await self._answer_tcp(wire)
                    if answer is None:
                        return
                    await connection.send(framed(answer))
            except (anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError):
                return  # the client has gone

    async def _answer_tcp(self, wire: bytes) -> bytes | None:
        query = _parse(wire)
        if query is None:
            return None
        response = self._responder.respond(query)
        if response is None:
            answer = await self._upstreams.ask(wire, tcp=True)
            return answer or self._responder.failure(query).to_wire()
        await self._follow_outside(query, response)
        return response.to_wire(max_size=65535)


class HealthServer:
    """``/health``: the process answers; ``/ready``: it also knows the cluster."""

    def __init__(self) -> None:
        self.ready = False

    async def serve(self, address: str, port: int) -> None:
        async with await anyio.create_tcp_listener(local_host=address, local_port=port) as listener:
            await listener.serve(self._answer)

    async def _answer(self, connection: SocketStream) -> None:
        async with connection:
            try:
                request = await connection.receive(4096)
                fine = b"/ready" not in request.split(b"\r\n")[0] or self.ready
                status, body = ("200 OK", "OK") if fine else ("503 Service Unavailable", "not ready")
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                await connection.send((head + body).encode())
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return  # the prober has gone


def _foreign_alias(query: dns.message.Message, response: dns.message.Message) -> dns.name.Name | None:
    return alias_target(response, dns.rdatatype.to_text(query.question[0].rdtype)) if query.question else None


def _parse_answer(wire: bytes) -> dns.message.Message | None:
    try:
        return dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError) as error:
        log.debug("malformed answer from upstream", error=str(error))
        return None


def _parse(wire: bytes) -> dns.message.Message | None:
    """The query, or None for what is none: it gets no answer, so that nobody is flooded with them."""
    try:
        query = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError) as error:
        log.debug("malformed query", error=str(error))
        return None
    return None if query.flags & dns.flags.QR else query


def _encode(query: dns.message.Message, response: dns.message.Message) -> bytes:
    """For UDP: cut and marked as such when larger than the client takes."""
    limit = min(max(query.payload, PLAIN_UDP), LARGEST_UDP) if query.edns >= 0 else PLAIN_UDP
    try:
        return response.to_wire(max_size=limit)
    except dns.exception.TooBig:
        response.answer, response.authority, response.additional = [], [], []
        response.flags |= dns.flags.TC
        return response.to_wire(max_size=limit)
