"""Formats of values that many kinds share: addresses, paths, ids, header names; each gives causes.

The checks of names that nearly every object repeats (labels, keys) remember what they found good.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from kubepy.api.validation.rules import all_messages
from kubepy.machinery import names
from kubepy.machinery.field_errors import Cause, invalid_value, required

_NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_NOT_A_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_LEADING_ZERO = re.compile(r"(?:^|\.)0[0-9]")
_HEADER = re.compile(r"[-A-Za-z0-9]+")
_UNDERSCORE_SUBDOMAIN_FORMAT = r"[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?(\.[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?)*"
_UNDERSCORE_SUBDOMAIN = re.compile(_UNDERSCORE_SUBDOMAIN_FORMAT)
_SYSCTL_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL_FORMAT = rf"^({_SYSCTL_SEGMENT}[\./])*{_SYSCTL_SEGMENT}$"
_SYSCTL = re.compile(_SYSCTL_FORMAT)
_DOMAIN_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_MAX_INT32 = 2**31 - 1
_MEMORY = 4096

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(_MEMORY)
def good_key(key: str) -> bool:
    """True for a qualified name."""
    return not names.qualified_name(key)


@lru_cache(_MEMORY)
def good_value(value: str) -> bool:
    """True for the value of a label."""
    return not names.label_value(value)


@lru_cache(_MEMORY)
def good_label(value: str) -> bool:
    """True for an RFC 1123 label."""
    return not names.dns_label(value)


@lru_cache(_MEMORY)
def good_subdomain(value: str) -> bool:
    """True for an RFC 1123 subdomain."""
    return not names.dns_subdomain(value)


def qualified_name(value: str, path: str) -> list[Cause]:
    """Check a qualified name."""
    return [] if good_key(value) else all_messages(path, value, names.qualified_name(value))


def dns_label(value: str, path: str) -> list[Cause]:
    """Check an RFC 1123 label."""
    return [] if good_label(value) else all_messages(path, value, names.dns_label(value))


def dns_subdomain(value: str, path: str) -> list[Cause]:
    """Check an RFC 1123 subdomain."""
    return [] if good_subdomain(value) else all_messages(path, value, names.dns_subdomain(value))


def required_path_segment(value: str | None, path: str) -> list[Cause]:
    """Check a name that must be there and fit into a URL path."""
    return all_messages(path, value, names.path_segment(value)) if value else [required(path)]


def underscore_subdomain(value: str, path: str) -> list[Cause]:
    """Check a DNS subdomain whose labels may have underscores, as DNS search paths do."""
    causes = [] if len(value) <= 253 else [invalid_value(path, value, "must be no more than 253 bytes")]
    if not _UNDERSCORE_SUBDOMAIN.fullmatch(value):
        detail = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or "
            "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
            f"validation is '{_UNDERSCORE_SUBDOMAIN_FORMAT}')"
        )
        causes.append(invalid_value(path, value, detail))
    return causes


def fully_qualified_domain(value: str, path: str) -> list[Cause]:
    """Check a domain name of two labels at least."""
    if not value:
        return [required(path)]
    value = value.removesuffix(".")
    if causes := dns_subdomain(value, path):
        return causes
    parts = value.split(".")
    if len(parts) < 2:
        return [invalid_value(path, value, "should be a domain with at least two segments separated by dots")]
    return [cause for part in parts for cause in dns_label(part, path)]


def domain_prefixed_path(value: str, path: str) -> list[Cause]:
    """Check a domain, a slash and a path ("acme.io/foo")."""
    if not value:
        return [required(path)]
    host, slash, rest = value.partition("/")
    if not slash or not host or not rest:
        detail = 'must be a domain-prefixed path (such as "acme.io/foo")'
        return [invalid_value(path, value, detail)]
    causes = all_messages(path, host, names.dns_subdomain(host))
    if not re.fullmatch(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", rest):
        detail = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"
        causes.append(invalid_value(path, rest, detail))
    return causes


def parse_ip(value: str) -> IPAddress | None:
    """Read an address of either family; None when it is none."""
    try:
        return ipaddress.ip_address(value) if "%" not in value else None
    except ValueError:
        return None


def _sloppy_ip(value: str) -> IPAddress | None:
    """Read an address whose numbers may have leading zeros, as old objects may hold."""
    if _LEADING_ZERO.search(value) and ":" not in value:
        value = ".".join(part.lstrip("0") or "0" for part in value.split("."))
    return parse_ip(value)


def valid_ip(path: str, value: str) -> list[Cause]:
    """Check an IP address of either family."""
    address = _sloppy_ip(value)
    if address is None:
        return [invalid_value(path, value, _NOT_AN_IP)]
    if address.version == 4:
        return [] if parse_ip(value) else [invalid_value(path, value, "must not have leading 0s")]
    if address.version == 6 and address.ipv4_mapped is not None:
        return [invalid_value(path, value, "must not be an IPv4-mapped IPv6 address")]
    return []


def valid_cidr(path: str, value: str) -> list[Cause]:
    """Check a CIDR block of either family; its address must have no bits beyond the prefix."""
    text, slash, length = value.partition("/")
    address = _sloppy_ip(text)
    if not slash or address is None or not length.isdigit() or int(length) > address.max_prefixlen:
        return [invalid_value(path, value, _NOT_A_CIDR)]
    causes: list[Cause] = []
    if parse_ip(text) is None:
        causes.append(invalid_value(path, value, "must not have leading 0s in IP"))
    if address.version == 6 and address.ipv4_mapped is not None:
        causes.append(invalid_value(path, value, "must not have an IPv4-mapped IPv6 address"))
    if len(length) > 1 and length[0] == "0":
        causes.append(invalid_value(path, value, "must not have leading 0s in prefix length"))
    network = ipaddress.ip_network(f"{address}/{int(length)}", strict=False)
    if network.network_address != address:
        causes.append(invalid_value(path, value, "must not have bits set beyond the prefix length"))
    return causes


def ip_of_family(path: str, value: str, version: int) -> list[Cause]:
    """Check an address of one family."""
    address = parse_ip(value)
    if address is None or address.version != version:
        return [invalid_value(path, value, f"must be a valid IPv{version} address")]
    return []


def non_special_ip(path: str, value: str, *, loopback: bool = False) -> list[Cause]:
    """Refuse addresses that mean something else on every node; `loopback` lets those of the machine pass."""
    address = _sloppy_ip(value)
    if address is None:
        return [invalid_value(path, value, "must be a valid IP address")]
    found: list[str] = []
    if address.is_unspecified:
        found.append(f"may not be unspecified ({value})")
    if address.is_loopback and not loopback:
        found.append("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        found.append("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if address in _LINK_LOCAL_MULTICAST[address.version]:
        found.append("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    return all_messages(path, value, found)


_LINK_LOCAL_MULTICAST = {4: ipaddress.ip_network("224.0.0.0/24"), 6: ipaddress.ip_network("ff02::/16")}


def dual_stack(addresses: list[str]) -> bool:
    """True when there is one address (or block) of each family at least."""
    versions = {address.version for a in addresses if (address := parse_ip(a.partition("/")[0]))}
    return versions == {4, 6}


def no_backsteps(value: str, path: str) -> list[Cause]:
    """Refuse ".." among the elements of a path."""
    return [invalid_value(path, value, "must not contain '..'")] if ".." in value.split("/") else []


def local_descending_path(value: str, path: str) -> list[Cause]:
    """Check a relative path that stays below where it starts."""
    causes = [invalid_value(path, value, "must be a relative path")] if value.startswith("/") else []
    return causes + no_backsteps(value, path)


def local_non_reserved_path(value: str, path: str) -> list[Cause]:
    """The same, and its first element must not begin with two dots (the kubelet's own names do)."""
    causes = local_descending_path(value, path)
    if value.startswith("..") and not value.startswith("../"):
        causes.append(invalid_value(path, value, "must not start with '..'"))
    return causes


def file_mode(value: int | None, path: str) -> list[Cause]:
    """Check permission bits, if there are any."""
    if value is None or 0 <= value <= 0o777:
        return []
    return [invalid_value(path, value, "must be a number between 0 and 0777 (octal), both inclusive")]


def user_or_group_id(value: int | None, path: str) -> list[Cause]:
    """Check a user's or a group's id, if there is one."""
    return in_range(value, path, 0, _MAX_INT32)


def in_range(value: int | None, path: str, low: int, high: int) -> list[Cause]:
    """Check that a number, if there is one, lies between bounds."""
    if value is None or low <= value <= high:
        return []
    return [invalid_value(path, value, f"must be between {low} and {high}, inclusive")]


def http_header_name(value: str, path: str) -> list[Cause]:
    """Check the name of an HTTP header."""
    if _HEADER.fullmatch(value):
        return []
    detail = (
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex "
        "used for validation is '[-A-Za-z0-9]+')"
    )
    return [invalid_value(path, value, detail)]


def sysctl_name(value: str, path: str) -> list[Cause]:
    """Check the name of a kernel parameter."""
    if len(value) <= 253 and _SYSCTL.fullmatch(value):
        return []
    detail = f"must have at most 253 characters and match regex {_SYSCTL_FORMAT}"
    return [invalid_value(path, value, detail)]


def csi_driver_name(value: str, path: str) -> list[Cause]:
    """Check the name of a storage (or device) driver."""
    causes: list[Cause] = []
    if not value:
        causes.append(required(path))
    if len(value) > 63:
        causes.append(Cause("FieldValueTooLong", "Too long: may not be more than 63 bytes", path))
    return causes + all_messages(path, value, names.dns_subdomain(value.lower()))
