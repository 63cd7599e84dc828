"""A DNS query into a DNS response, or the word that somebody else must be asked."""

from __future__ import annotations

import random

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from kubepy.dns import names, records
from kubepy.dns.records import Directory, Record

REVERSE_ZONES = (dns.name.from_text("in-addr.arpa."), dns.name.from_text("ip6.arpa."))
LONGEST_CHAIN = 8
SOA_SERIAL = 1  # nobody transfers the zone


class Responder:
    """Answers for one cluster domain."""

    def __init__(self, directory: Directory, domain: str, ttl: int, rng: random.Random | None = None) -> None:
        self._directory = directory
        self._domain = domain.rstrip(".").lower()
        self._zone = dns.name.from_text(self._domain)
        self._ttl = ttl
        self._rng = rng or random.Random()

    def respond(self, query: dns.message.Message) -> dns.message.Message | None:
        """The response; None when the name is not the cluster's to answer."""
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            return self._refusal(query, dns.rcode.NOTIMP)
        question = query.question[0]
        name = question.name.canonicalize()
        if name.is_subdomain(self._zone):
            return self._forward(query, name, dns.rdatatype.to_text(question.rdtype))
        if question.rdtype == dns.rdatatype.PTR and any(name.is_subdomain(z) for z in REVERSE_ZONES):
            return self._reverse(query, name)
        return None

    def failure(self, query: dns.message.Message) -> dns.message.Message:
        """SERVFAIL: nobody answered."""
        return self._refusal(query, dns.rcode.SERVFAIL)

    def _forward(self, query: dns.message.Message, name: dns.name.Name, type: str) -> dns.message.Message:
        relative = name.relativize(self._zone)
        labels = tuple(label.decode(errors="replace") for label in relative.labels)
        answer = records.resolve(names.parse(labels), ".".join(labels), type, self._directory, self._domain)
        response = self._authoritative(query)
        if not answer.exists:
            response.set_rcode(dns.rcode.NXDOMAIN)
        self._rng.shuffle(answer.records)
        response.answer = self._rrsets(answer.records)
        self._follow_inside(response, type)
        response.additional = self._rrsets(answer.additional)
        if not answer.records:
            response.authority = [self._soa()]
        return response

    def _follow_inside(self, response: dns.message.Message, type: str) -> None:
        """Add what an alias leads to, as long as that is ours."""
        for _ in range(LONGEST_CHAIN):
            target = alias_target(response, type)
            if target is None or not target.is_subdomain(self._zone):
                return
            relative = target.relativize(self._zone)
            labels = tuple(label.decode(errors="replace") for label in relative.labels)
            found = records.resolve(
                names.parse(labels), ".".join(labels), type, self._directory, self._domain
            )
            if not found.records:
                return
            response.answer += self._rrsets(found.records)

    def _reverse(self, query: dns.message.Message, name: dns.name.Name) -> dns.message.Message | None:
        try:
            address = dns.reversename.to_address(name)
        except (dns.exception.DNSException, ValueError):
            return None
        found = records.reverse(address, self._directory, self._domain)
        if not found:
            return None
        response = self._authoritative(query)
        texts = [f"{owner}." for owner in found]
        response.answer = [dns.rrset.from_text_list(name, self._ttl, "IN", "PTR", texts)]
        return response

    def _rrsets(self, found: list[Record]) -> list[dns.rrset.RRset]:
        grouped: dict[tuple[str, str], list[str]] = {}
        for record in found:
            grouped.setdefault((record.name, record.type), []).append(record.data)
        return [
            dns.rrset.from_text_list(
                dns.name.from_text(owner, self._zone) if owner else self._zone, self._ttl, "IN", type, texts
            )
            for (owner, type), texts in grouped.items()
        ]

    def _soa(self) -> dns.rrset.RRset:
        text = f"ns.dns.{self._domain}. hostmaster.{self._domain}. {SOA_SERIAL} 7200 1800 86400 {self._ttl}"
        return dns.rrset.from_text(self._zone, self._ttl, "IN", "SOA", text)

    def _authoritative(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        return response

    def _refusal(self, query: dns.message.Message, code: dns.rcode.Rcode) -> dns.message.Message:
        response = dns.message.make_response(query, recursion_available=True)
        response.set_rcode(code)
        return response


def alias_target(response: dns.message.Message, type: str) -> dns.name.Name | None:
    """Where an answer's last CNAME points, when nothing of the asked type follows it yet."""
    if type == "CNAME" or not response.answer or response.answer[-1].rdtype != dns.rdatatype.CNAME:
        return None
    target: dns.name.Name = response.answer[-1][0].target
    return target.canonicalize()
