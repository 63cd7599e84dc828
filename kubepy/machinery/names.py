"""Rules for names, labels and keys, with the messages of apimachinery's util/validation, and random names."""

from __future__ import annotations

import hashlib
import random
import re

_LABEL_FMT = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_FMT = rf"{_LABEL_FMT}(\.{_LABEL_FMT})*"
_LABEL = re.compile(_LABEL_FMT)
_SUBDOMAIN = re.compile(_SUBDOMAIN_FMT)
_DNS_1035_FMT = "[a-z]([-a-z0-9]*[a-z0-9])?"
_DNS_1035 = re.compile(_DNS_1035_FMT)
_QUALIFIED_FMT = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_QUALIFIED = re.compile(_QUALIFIED_FMT)
_VALUE_FMT = f"({_QUALIFIED_FMT})?"
_ENV_NAME = re.compile(r"[ -<>-~\U00010000-\U0010ffff]+")
_ENV_NAME_MESSAGE = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_PORT_NAME = re.compile("[-a-z0-9]+")
_PERCENT = re.compile("[0-9]+%")

_LABEL_MESSAGE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    f"and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    f"'{_LABEL_FMT}')"
)
_SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    rf"'{_LABEL_FMT}(\.{_LABEL_FMT})*')"
)
_DNS_1035_MESSAGE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
    f"validation is '{_DNS_1035_FMT}')"
)
_QUALIFIED_MESSAGE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    f"'{_QUALIFIED_FMT}')"
)
_VALUE_MESSAGE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    f"for validation is '{_VALUE_FMT}')"
)
_CONFIG_KEY_MESSAGE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)

# No vowels and no look-alikes, so that random names spell nothing.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_RANDOM_LENGTH = 5
_MAX_GENERATED = 63


def _max_length(length: int) -> str:
    return f"must be no more than {length} bytes"


def dns_label(value: str) -> list[str]:
    """Check an RFC 1123 label (at most 63 bytes); return what is wrong."""
    errors = [] if len(value) <= 63 else [_max_length(63)]
    if not _LABEL.fullmatch(value):
        errors.append(_LABEL_MESSAGE)
    return errors


def dns_subdomain(value: str) -> list[str]:
    """Check an RFC 1123 subdomain (at most 253 bytes); return what is wrong."""
    errors = [] if len(value) <= 253 else [_max_length(253)]
    if not _SUBDOMAIN.fullmatch(value):
        errors.append(_SUBDOMAIN_MESSAGE)
    return errors


def dns_1035_label(value: str) -> list[str]:
    """Check an RFC 1035 label, as Services are named; return what is wrong."""
    errors = [] if len(value) <= 63 else [_max_length(63)]
    if not _DNS_1035.fullmatch(value):
        errors.append(_DNS_1035_MESSAGE)
    return errors


def wildcard_dns_subdomain(value: str) -> list[str]:
    """Check a host name that starts with "*."; return what is wrong."""
    errors = [] if len(value) <= 253 else [_max_length(253)]
    if not (value.startswith("*.") and _SUBDOMAIN.fullmatch(value[2:])):
        errors.append(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which "
            "must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric "
            rf"character (e.g. '*.example.com', regex used for validation is '\*\.{_SUBDOMAIN_FMT}')"
        )
    return errors


def path_segment(value: str) -> list[str]:
    """Check a name that only has to fit into a URL path (RBAC's); return what is wrong."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{illegal}'" for illegal in ("/", "%") if illegal in value]


def qualified_name(value: str) -> list[str]:
    """Check a label or annotation key, "prefix/name" or "name"; return what is wrong."""
    # The common case costs one match.
    if len(value) <= 63 and _QUALIFIED.fullmatch(value):
        return []
    parts = value.split("/")
    errors: list[str] = []
    if len(parts) == 2:
        prefix, name = parts
        if not prefix:
            errors.append("prefix part must be non-empty")
        else:
            errors.extend(f"prefix part {message}" for message in dns_subdomain(prefix))
    elif len(parts) == 1:
        name = value
    else:
        return [
            f"a qualified name {_QUALIFIED_MESSAGE} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        ]
    if not name:
        errors.append("name part must be non-empty")
    elif len(name) > 63:
        errors.append(f"name part {_max_length(63)}")
    if not _QUALIFIED.fullmatch(name):
        errors.append(f"name part {_QUALIFIED_MESSAGE}")
    return errors


def label_value(value: str) -> list[str]:
    """Check a label's value; return what is wrong."""
    errors = [] if len(value) <= 63 else [_max_length(63)]
    if value and not _QUALIFIED.fullmatch(value):
        errors.append(_VALUE_MESSAGE)
    return errors


def config_map_key(value: str) -> list[str]:
    """Check a key of a ConfigMap or Secret; return what is wrong."""
    errors = [] if len(value) <= 253 else [_max_length(253)]
    if not _CONFIG_KEY.fullmatch(value):
        errors.append(_CONFIG_KEY_MESSAGE)
    if value in (".", ".."):
        errors.append(f"must not be '{value}'")
    elif value.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def env_var_name(value: str) -> list[str]:
    """Check the name of an environment variable (any printable ASCII but "="); return what is wrong."""
    return [] if _ENV_NAME.fullmatch(value) else [_ENV_NAME_MESSAGE]


def port_name(value: str) -> list[str]:
    """Check an IANA service name, as container ports have; return what is wrong."""
    errors: list[str] = []
    if len(value) > 15:
        errors.append(_max_length(15))
    if not _PORT_NAME.fullmatch(value):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        errors.append("must contain at least one letter (a-z)")
    if "--" in value:
        errors.append("must not contain consecutive hyphens")
    if value and (value[0] == "-" or value[-1] == "-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def port_number(value: int) -> list[str]:
    """Check a port; return what is wrong."""
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]


def percent(value: str) -> list[str]:
    """Check a percentage such as "25%"; return what is wrong."""
    if _PERCENT.fullmatch(value):
        return []
    return [
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
        "regex used for validation is '[0-9]+%')"
    ]


def random_suffix(length: int = _RANDOM_LENGTH, rng: random.Random | None = None) -> str:
    """Return `length` random characters of Kubernetes' alphabet for names."""
    return "".join((rng or _RNG).choices(_ALPHABET, k=length))


def suffix_of(text: str, length: int = _RANDOM_LENGTH) -> str:
    """Return characters of the same alphabet that look random and are always the same for a text."""
    number, made = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"), ""
    for _ in range(length):
        number, index = divmod(number, len(_ALPHABET))
        made += _ALPHABET[index]
    return made


def generate_name(base: str, rng: random.Random | None = None) -> str:
    """Return a name for metadata.generateName: the base, cut to fit a label, and five random characters."""
    return base[: _MAX_GENERATED - _RANDOM_LENGTH] + random_suffix(rng=rng)


_RNG = random.Random()
