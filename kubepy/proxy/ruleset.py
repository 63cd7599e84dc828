"""Service ports into iptables rules: the chains that kube-proxy's iptables mode has, by the same names. Pure.

KUBE-SERVICES   one rule per cluster IP and port, then node ports
KUBE-SVC-*      picks an endpoint for cluster-wide traffic,  KUBE-SVL-*  one on this node
KUBE-EXT-*      what came from outside: masquerade or not, by externalTrafficPolicy
KUBE-SEP-*      one endpoint: DNAT
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import replace

from kubepy.netfilter.interface import Hook, Match, Rule, Ruleset, Table, comment, option
from kubepy.proxy.model import Endpoint, ServicePort

MASQUERADE_MARK = "0x4000"
MULTICAST = "224.0.0.0/4"
Chains = dict[str, tuple[Rule, ...]]


def build(
    ports: Iterable[ServicePort],
    cluster_cidr: str,
    *,
    masquerade_egress: bool = True,
    node_port_addresses: Iterable[str] = (),
) -> Ruleset:
    """The whole ruleset for these service ports."""
    nat = _Nat(cluster_cidr)
    rejects: list[Rule] = []
    external_rejects: list[Rule] = []
    for port in ports:
        nat.add(port)
        _reject_without_endpoints(port, rejects, external_rejects)
    return {
        "nat": Table(nat.chains(masquerade_egress, tuple(node_port_addresses)), NAT_HOOKS),
        "filter": Table(
            {
                "KUBE-SERVICES": tuple(rejects),
                "KUBE-EXTERNAL-SERVICES": tuple(external_rejects),
                "KUBE-FORWARD": _forward_rules(),
            },
            FILTER_HOOKS,
        ),
    }


def chain_name(kind: str, port: ServicePort, endpoint: Endpoint | None = None) -> str:
    """KUBE-SVC-..., by kube-proxy's hash: 16 characters of base32(sha256(title, protocol[, endpoint]))."""
    text = port.title + port.protocol + (f"{endpoint.address}:{endpoint.port}" if endpoint else "")
    digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"KUBE-{kind}-{digest[:16]}"


class _Nat:
    """Collects the nat table's chains."""

    def __init__(self, cluster_cidr: str) -> None:
        self._cluster_cidr = cluster_cidr
        self._chains: Chains = {}
        self._services: list[Rule] = []
        self._node_ports: list[Rule] = []

    def add(self, port: ServicePort) -> None:
        if port.internal_endpoints:
            kind = "SVL" if port.internal_local else "SVC"
            self._services.append(self._to(port, port.cluster_ip, chain_name(kind, port), "cluster IP"))
        if port.external and port.external_endpoints:
            self._add_external(port)
        if port.endpoints and (not port.internal_local or (port.external and not port.external_local)):
            self._add_balancer("SVC", port, port.endpoints)
        if port.local_endpoints and (port.internal_local or (port.external and port.external_local)):
            self._add_balancer("SVL", port, port.local_endpoints)

    def chains(self, masquerade_egress: bool, node_port_addresses: tuple[str, ...]) -> Chains:
        chains = dict(self._chains)
        to_node_ports = comment(
            "kubernetes service nodeports; NOTE: this must be the last rule in this chain"
        )
        local = Match("addrtype", option("dst-type", "LOCAL"))
        chains["KUBE-SERVICES"] = (
            *self._services,
            *(
                Rule("KUBE-NODEPORTS", destination=address, matches=(to_node_ports, local))
                for address in node_port_addresses or ("",)
            ),
        )
        chains["KUBE-NODEPORTS"] = tuple(self._node_ports)
        chains["KUBE-MARK-MASQ"] = (Rule("MARK", option("or-mark", MASQUERADE_MARK)),)
        chains["KUBE-POSTROUTING"] = self._postrouting(masquerade_egress)
        return chains

    def _add_external(self, port: ServicePort) -> None:
        chain = chain_name("EXT", port)
        for address in port.external_ips:
            self._services.append(self._to(port, address, chain, "external IP"))
        for address in port.load_balancer_ips:
            target = chain
            if port.source_ranges:
                target = chain_name("FW", port)
                self._chains[target] = self._firewall(port, chain)
            self._services.append(self._to(port, address, target, "loadbalancer IP"))
        if port.node_port:
            matches = (comment(port.title), Match(port.protocol, option("dport", str(port.node_port))))
            self._node_ports.append(Rule(chain, protocol=port.protocol, matches=matches))
        self._chains[chain] = self._external(port)

    def _external(self, port: ServicePort) -> tuple[Rule, ...]:
        if not port.external_local:
            said = comment(f"masquerade traffic for {port.title} external destinations")
            return (Rule("KUBE-MARK-MASQ", matches=(said,)), Rule(chain_name("SVC", port)))
        said = comment(f"pod traffic for {port.title} external destinations")
        from_node = Match("addrtype", option("src-type", "LOCAL"))
        rules = []
        # Pods and the node itself may use any endpoint: only true outside traffic must stay local.
        if port.endpoints and not port.internal_local:
            rules = [
                Rule(chain_name("SVC", port), source=self._cluster_cidr, matches=(said,)),
                Rule("KUBE-MARK-MASQ", matches=(from_node,)),
                Rule(chain_name("SVC", port), matches=(from_node,)),
            ]
        return (*rules, Rule(chain_name("SVL", port)))

    def _firewall(self, port: ServicePort, chain: str) -> tuple[Rule, ...]:
        """loadBalancerSourceRanges: what is not let through falls out of the chain and is not translated."""
        said = comment(f"{port.title} loadbalancer IP")
        return tuple(Rule(chain, source=source, matches=(said,)) for source in port.source_ranges)

    def _add_balancer(self, kind: str, port: ServicePort, endpoints: tuple[Endpoint, ...]) -> None:
        chain = chain_name(kind, port)
        rules: list[Rule] = []
        if kind == "SVC":
            to_service = self._to(port, port.cluster_ip, "KUBE-MARK-MASQ", "cluster IP")
            rules.append(replace(to_service, source=f"!{self._cluster_cidr}"))
        names = [(chain_name("SEP", port, e), e) for e in endpoints]
        if port.affinity_seconds:
            rules += [self._affine(port, name, e) for name, e in names]
        count = len(names)
        for position, (name, endpoint) in enumerate(names):
            matches = [_arrow(port, endpoint)]
            if position < count - 1:
                probability = f"{1 / (count - position):0.10f}"
                matches.append(Match("statistic", (("mode", "random"), ("probability", probability))))
            rules.append(Rule(name, matches=tuple(matches)))
            self._chains.setdefault(name, _endpoint_rules(port, name, endpoint))
        self._chains[chain] = tuple(rules)

    def _affine(self, port: ServicePort, name: str, endpoint: Endpoint) -> Rule:
        seen = (("name", name), ("rcheck", ""), ("seconds", str(port.affinity_seconds)), ("reap", ""))
        return Rule(name, matches=(_arrow(port, endpoint), Match("recent", seen)))

    def _to(self, port: ServicePort, address: str, chain: str, what: str) -> Rule:
        matches = (comment(f"{port.title} {what}"), Match(port.protocol, option("dport", str(port.port))))
        return Rule(chain, destination=f"{address}/32", protocol=port.protocol, matches=matches)

    def _postrouting(self, masquerade_egress: bool) -> tuple[Rule, ...]:
        said = comment("kubernetes service traffic requiring SNAT")
        marked = Match("mark", option("mark", f"!{MASQUERADE_MARK}/{MASQUERADE_MARK}"))
        egress: tuple[Rule, ...] = ()
        if masquerade_egress:
            leaving = comment("pod traffic that leaves the cluster")
            cidr = self._cluster_cidr
            egress = (
                Rule("RETURN", source=cidr, destination=MULTICAST, matches=(leaving,)),
                Rule("MASQUERADE", option("random-fully"), cidr, f"!{cidr}", matches=(leaving,)),
            )
        return (
            *egress,
            Rule("RETURN", matches=(marked,)),
            # Cleared, so that the packet is not masqueraded again when it is encapsulated.
            Rule("MARK", option("xor-mark", MASQUERADE_MARK)),
            Rule("MASQUERADE", option("random-fully"), matches=(said,)),
        )


def _endpoint_rules(port: ServicePort, name: str, endpoint: Endpoint) -> tuple[Rule, ...]:
    matches: list[Match] = [comment(port.title)]
    if port.affinity_seconds:
        matches.append(Match("recent", (("name", name), ("set", ""))))
    target = option("to-destination", f"{endpoint.address}:{endpoint.port}")
    return (
        # Hairpin: a pod that reaches itself through its service must see another source.
        Rule("KUBE-MARK-MASQ", source=f"{endpoint.address}/32", matches=(comment(port.title),)),
        Rule("DNAT", target, protocol=port.protocol, matches=tuple(matches)),
    )


def _arrow(port: ServicePort, endpoint: Endpoint) -> Match:
    return comment(f"{port.title} -> {endpoint.address}:{endpoint.port}")


def _reject_without_endpoints(port: ServicePort, rejects: list[Rule], external: list[Rule]) -> None:
    """A service with nobody behind it refuses at once (local-only ones drop, for load balancers to retry)."""
    refuse = option("reject-with", "icmp-port-unreachable")
    dport = Match(port.protocol, option("dport", str(port.port)))
    if not port.internal_endpoints:
        why = "has no local endpoints" if port.endpoints else "has no endpoints"
        target, options = ("DROP", ()) if port.endpoints else ("REJECT", refuse)
        matches = (comment(f"{port.title} {why}"), dport)
        rejects.append(Rule(target, options, "", f"{port.cluster_ip}/32", port.protocol, matches))
    if not port.external_endpoints:
        why = "has no local endpoints" if port.endpoints else "has no endpoints"
        target, options = ("DROP", ()) if port.endpoints else ("REJECT", refuse)
        said = comment(f"{port.title} {why}")
        external += [
            Rule(target, options, "", f"{address}/32", port.protocol, (said, dport))
            for address in (*port.external_ips, *port.load_balancer_ips)
        ]
        if port.node_port:
            local = Match("addrtype", option("dst-type", "LOCAL"))
            to_node = Match(port.protocol, option("dport", str(port.node_port)))
            external.append(Rule(target, options, "", "", port.protocol, (said, local, to_node)))


def _forward_rules() -> tuple[Rule, ...]:
    marked = Match("mark", option("mark", f"{MASQUERADE_MARK}/{MASQUERADE_MARK}"))
    established = Match("conntrack", option("ctstate", "RELATED,ESTABLISHED"))
    return (
        # Packets that conntrack cannot place would otherwise reset the translated connection.
        Rule("DROP", matches=(Match("conntrack", option("ctstate", "INVALID")),)),
        Rule("ACCEPT", matches=(comment("kubernetes forwarding rules"), marked)),
        Rule("ACCEPT", matches=(comment("kubernetes forwarding conntrack rule"), established)),
    )


_NEW = Match("conntrack", option("ctstate", "NEW"))
_PORTALS = comment("kubernetes service portals")
_EXTERNAL = comment("kubernetes externally-visible service portals")

NAT_HOOKS = (
    Hook("PREROUTING", Rule("KUBE-SERVICES", matches=(_PORTALS,))),
    Hook("OUTPUT", Rule("KUBE-SERVICES", matches=(_PORTALS,))),
    Hook("POSTROUTING", Rule("KUBE-POSTROUTING", matches=(comment("kubernetes postrouting rules"),))),
)
FILTER_HOOKS = (
    Hook("INPUT", Rule("KUBE-EXTERNAL-SERVICES", matches=(_EXTERNAL, _NEW))),
    Hook("FORWARD", Rule("KUBE-FORWARD", matches=(comment("kubernetes forwarding rules"),))),
    Hook("FORWARD", Rule("KUBE-SERVICES", matches=(_PORTALS, _NEW))),
    Hook("FORWARD", Rule("KUBE-EXTERNAL-SERVICES", matches=(_EXTERNAL, _NEW))),
    Hook("OUTPUT", Rule("KUBE-SERVICES", matches=(_PORTALS, _NEW))),
)
