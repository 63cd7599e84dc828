"""Rules of a Service's cluster IPs and IP families, and of how they may change."""

from __future__ import annotations

from kubepy.api.validation.formats import dual_stack, parse_ip, valid_ip
from kubepy.machinery.field_errors import Cause, duplicate, invalid_value, not_supported, required
from kubepy.machinery.meta import Obj

_FAMILIES = ("IPv4", "IPv6")
_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_ONCE = "may not change once set"


def is_headless(spec: Obj) -> bool:
    """True when the Service wants no address."""
    return bool(spec.get("clusterIPs") == ["None"])


def validate_cluster_ips(spec: Obj) -> list[Cause]:
    """Check clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy together."""
    if spec.get("type") == "ExternalName":
        return []
    causes: list[Cause] = []
    addresses, first = spec.get("clusterIPs") or [], spec.get("clusterIP") or ""
    if first and not addresses:
        causes.append(required("spec.clusterIPs"))
    elif first and addresses[0] != first:
        causes.append(invalid_value("spec.clusterIPs", addresses, "first value must match `clusterIP`"))
    elif not first and addresses:
        detail = "must be empty when `clusterIP` is not specified"
        causes.append(invalid_value("spec.clusterIPs", addresses, detail))
    families = spec.get("ipFamilies") or []
    for index, family in enumerate(families):
        if family not in _FAMILIES:
            causes.append(not_supported(f"spec.ipFamilies[{index}]", family, _FAMILIES))
        if family in families[:index]:
            causes.append(duplicate(f"spec.ipFamilies[{index}]", family))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _POLICIES:
        causes.append(not_supported("spec.ipFamilyPolicy", policy, _POLICIES))
    invalid = False
    for index, address in enumerate(addresses):
        if index == 0 and address == "None":
            if len(addresses) > 1:
                invalid = True
                detail = "'None' must be the first and only value"
                causes.append(invalid_value("spec.clusterIPs", addresses, detail))
            continue
        wrong = valid_ip(f"spec.clusterIPs[{index}]", address)
        invalid = invalid or bool(wrong)
        causes += wrong
    if len(addresses) > 2:
        causes.append(invalid_value("spec.clusterIPs", addresses, "may only hold up to 2 values"))
    if invalid:
        return causes
    if len(addresses) > 1 and not dual_stack(addresses):
        detail = "may specify no more than one IP for each IP family"
        causes.append(invalid_value("spec.clusterIPs", addresses, detail))
    if not is_headless(spec):
        for index, (address, family) in enumerate(zip(addresses, families, strict=False)):
            parsed = parse_ip(address)
            if parsed is not None and family in _FAMILIES and f"IPv{parsed.version}" != family:
                detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
                causes.append(invalid_value(f"spec.clusterIPs[{index}]", address, detail))
    return causes


def _named(spec: Obj, old: Obj) -> bool:
    return "ExternalName" in (spec.get("type"), old.get("type"))


def validate_cluster_ips_change(spec: Obj, old: Obj) -> list[Cause]:
    """An address that was given stays; a second one may come, and go with ipFamilyPolicy SingleStack."""
    if _named(spec, old) or (is_headless(spec) and is_headless(old)):
        return []
    new, before = spec.get("clusterIPs") or [], old.get("clusterIPs") or []
    if len(new) == len(before):
        return [
            invalid_value(f"spec.clusterIPs[{index}]", new, _ONCE)
            for index, address in enumerate(before)
            if address != new[index]
        ]
    causes: list[Cause] = []
    if len(before) > len(new):
        if not new:
            causes.append(invalid_value("spec.clusterIPs[0]", new, "primary clusterIP can not be unset"))
        elif new[0] != before[0]:
            causes.append(invalid_value("spec.clusterIPs[0]", new, _ONCE))
        if len(new) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
            detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
            causes.append(invalid_value("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), detail))
    elif before and new[0] != before[0]:
        causes.append(invalid_value("spec.clusterIPs[0]", new, _ONCE))
    return causes


def validate_families_change(spec: Obj, old: Obj) -> list[Cause]:
    """The first family stays; the second may come, and go with ipFamilyPolicy SingleStack."""
    if _named(spec, old) or is_headless(spec) or is_headless(old):
        return []
    new, before = spec.get("ipFamilies") or [], old.get("ipFamilies") or []
    at = "spec.ipFamilies[0]"
    if len(new) == len(before):
        return [invalid_value(at, new, _ONCE) for a, b in zip(before, new, strict=True) if a != b]
    addresses = spec.get("clusterIPs") or []
    causes: list[Cause] = []
    if len(before) > len(new):
        if not addresses:
            causes.append(invalid_value(at, new, "primary ipFamily can not be unset"))
        if new and new[0] != before[0]:
            causes.append(invalid_value(at, addresses, _ONCE))
        if len(new) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
            detail = "must be set to 'SingleStack' when releasing the secondary ipFamily"
            causes.append(invalid_value("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), detail))
    elif before and new[0] != before[0]:
        causes.append(invalid_value(at, addresses, _ONCE))
    return causes
