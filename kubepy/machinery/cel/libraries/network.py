"""IP addresses and CIDR ranges."""

from __future__ import annotations

import ipaddress
from typing import ClassVar

from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import function, method, traversal
from kubepy.machinery.cel.types import Type

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_LINK_LOCAL_MULTICAST = (ipaddress.ip_network("224.0.0.0/24"), ipaddress.ip_network("ff02::/16"))
_BROADCAST = ipaddress.ip_address("255.255.255.255")


class IP:
    """An address without a zone."""

    __slots__ = ("address",)
    cel_type: ClassVar = Type("net.IP")

    def __init__(self, address: _Address) -> None:
        self.address = address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IP) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)


class CIDR:
    """An address and the length of its network's prefix."""

    __slots__ = ("interface",)
    cel_type: ClassVar = Type("net.CIDR")

    def __init__(self, interface: _Interface) -> None:
        self.interface = interface

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CIDR) and self.interface == other.interface

    def __hash__(self) -> int:
        return hash(self.interface)


def _ip(text: str) -> IP:
    try:
        if "%" in text:
            raise EvaluationError(f'IP address "{text}" with zone value is not allowed')
        address = ipaddress.ip_address(text)
    except ValueError:
        raise EvaluationError(
            f'IP Address "{text}" parse error during conversion from string:'
            f' ParseAddr("{text}"): unable to parse IP'
        ) from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise EvaluationError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return IP(address)


def _cidr(text: str) -> CIDR:
    address, slash, length = text.partition("/")
    try:
        if not slash or not length.isascii() or not length.isdigit() or (length[0] == "0" and length != "0"):
            raise ValueError
        interface = ipaddress.ip_interface(f"{_ip(address).address}/{length}")
    except (ValueError, EvaluationError):
        raise EvaluationError(
            "network address parse error during conversion from string:"
            f' netip.ParsePrefix("{text}"): not a CIDR'
        ) from None
    return CIDR(interface)


@function("ip(string) -> net.IP", cost=traversal(0))
def ip(text: str) -> IP:
    return _ip(text)


@function("isIP(string) -> bool", cost=traversal(0))
def is_ip(text: str) -> bool:
    try:
        _ip(text)
    except EvaluationError:
        return False
    return True


@function("ip.isCanonical(string) -> bool", cost=traversal(0))
def is_canonical(text: str) -> bool:
    return str(_ip(text).address) == text


@function("string(net.IP) -> string")
def ip_to_string(value: IP) -> str:
    return str(value.address)


@method("net.IP.family() -> int")
def family(value: IP) -> int:
    return value.address.version


@method("net.IP.isUnspecified() -> bool")
def is_unspecified(value: IP) -> bool:
    return value.address.is_unspecified


@method("net.IP.isLoopback() -> bool")
def is_loopback(value: IP) -> bool:
    return value.address.is_loopback


@method("net.IP.isLinkLocalMulticast() -> bool")
def is_link_local_multicast(value: IP) -> bool:
    return any(value.address in network for network in _LINK_LOCAL_MULTICAST)


@method("net.IP.isLinkLocalUnicast() -> bool")
def is_link_local_unicast(value: IP) -> bool:
    return value.address.is_link_local


@method("net.IP.isGlobalUnicast() -> bool")
def is_global_unicast(value: IP) -> bool:
    address = value.address
    return not (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or address == _BROADCAST
    )


@function("cidr(string) -> net.CIDR", cost=traversal(0))
def cidr(text: str) -> CIDR:
    return _cidr(text)


@function("isCIDR(string) -> bool", cost=traversal(0))
def is_cidr(text: str) -> bool:
    try:
        _cidr(text)
    except EvaluationError:
        return False
    return True


@function("string(net.CIDR) -> string")
def cidr_to_string(value: CIDR) -> str:
    return value.interface.with_prefixlen


@method("net.CIDR.ip() -> net.IP")
def cidr_ip(value: CIDR) -> IP:
    return IP(value.interface.ip)


@method("net.CIDR.masked() -> net.CIDR")
def masked(value: CIDR) -> CIDR:
    return CIDR(ipaddress.ip_interface(value.interface.network.with_prefixlen))


@method("net.CIDR.prefixLength() -> int")
def prefix_length(value: CIDR) -> int:
    return value.interface.network.prefixlen


@method("net.CIDR.containsIP(net.IP) -> bool")
def contains_ip(value: CIDR, address: IP) -> bool:
    return address.address in value.interface.network


@method("net.CIDR.containsIP(string) -> bool", cost=traversal(1))
def contains_ip_text(value: CIDR, text: str) -> bool:
    return contains_ip(value, _ip(text))


@method("net.CIDR.containsCIDR(net.CIDR) -> bool")
def contains_cidr(value: CIDR, other: CIDR) -> bool:
    outer, inner = value.interface.network, other.interface.network
    return (
        outer.version == inner.version and outer.prefixlen <= inner.prefixlen and other.interface.ip in outer
    )


@method("net.CIDR.containsCIDR(string) -> bool", cost=traversal(1))
def contains_cidr_text(value: CIDR, text: str) -> bool:
    return contains_cidr(value, _cidr(text))
