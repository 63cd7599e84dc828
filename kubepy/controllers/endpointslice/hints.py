"""Which zones and nodes an endpoint should serve: spec.trafficDistribution, and the topology-mode annotation.

trafficDistribution (KEP-3015) keeps an endpoint to its own zone or node; the proxy falls back where there is
none. Topology mode Auto (KEP-2433) shares the endpoints among the zones by their CPUs, or gives up and says
why. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import parse_cpu_milli

ZONE = "topology.kubernetes.io/zone"
MODE = "service.kubernetes.io/topology-mode"
OLD_MODE = "service.kubernetes.io/topology-aware-hints"
EXCLUDED = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
OVERLOAD = 0.2
ENABLED = "Topology Aware Hints has been enabled"
NO_NODE_INFO = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
ONE_ZONE = "Nodes only ready in one zone"
NO_ZONE = "One or more endpoints do not have a zone specified"
TOO_FEW = "Insufficient number of endpoints ({} endpoints, {} zones)"
OVERLOADED = "Minimum allocation results in overload"


class NoHints(Exception):
    """The endpoints cannot be shared among the zones without harm; the message says why."""


class Share(NamedTuple):
    """How many endpoints a zone must and may have, and how many its CPUs are worth."""

    minimum: int
    maximum: int
    desired: float


def is_auto(service: Obj) -> bool:
    notes = meta.annotations(service)
    return (notes.get(MODE) or notes.get(OLD_MODE) or "") in ("Auto", "auto")


def by_distribution(entry: Obj, distribution: str) -> Obj:
    """An endpoint with the hints of a trafficDistribution; only what is ready is recommended."""
    if not entry["conditions"].get("ready"):
        return entry
    hints: Obj = {}
    if entry.get("zone"):
        hints["forZones"] = [{"name": entry["zone"]}]
    if distribution == "PreferSameNode" and entry.get("nodeName"):
        hints["forNodes"] = [{"name": entry["nodeName"]}]
    return {**entry, "hints": hints} if hints else entry


def cpu_by_zone(nodes: Iterable[Obj]) -> dict[str, int]:
    """CPUs of the zones, in thousandths, of nodes that serve. Raises NoHints."""
    found: dict[str, int] = {}
    for node in nodes:
        if any(label in meta.labels(node) for label in EXCLUDED) or not conditions.is_true(node, "Ready"):
            continue
        zone = meta.labels(node).get(ZONE)
        cpu = parse_cpu_milli(((node.get("status") or {}).get("allocatable") or {}).get("cpu") or 0)
        if not zone or not cpu:
            raise NoHints(NO_NODE_INFO)
        found[zone] = found.get(zone, 0) + cpu
    if len(found) < 2:
        raise NoHints(ONE_ZONE if found else NO_NODE_INFO)
    return found


def shares(cpus: Mapping[str, int], endpoints: int) -> dict[str, Share]:
    """What each zone gets of ``endpoints``. Raises NoHints when one would have to carry a fifth too much."""
    if endpoints < len(cpus):
        raise NoHints(TOO_FEW.format(endpoints, len(cpus)))
    total = sum(cpus.values())
    desired = {zone: endpoints * cpu / total for zone, cpu in cpus.items()}
    minimum = {zone: math.ceil(wanted / (1 + OVERLOAD)) for zone, wanted in desired.items()}
    spare = endpoints - sum(minimum.values())
    if spare < 0:
        raise NoHints(OVERLOADED)
    return {
        zone: Share(minimum[zone], minimum[zone] + spare, max(wanted, minimum[zone]))
        for zone, wanted in desired.items()
    }


def allocate(entries: list[Obj], cpus: Mapping[str, int]) -> dict[str, str]:
    """Zone by address: its own, but for those that are lent to zones with too few. Raises NoHints."""
    ready = sorted((e for e in entries if e["conditions"].get("ready")), key=lambda e: str(e["addresses"]))
    if any(entry.get("zone") not in cpus for entry in ready):
        raise NoHints(NO_ZONE)
    wanted = shares(cpus, len(ready))
    homes: dict[str, list[str]] = {zone: [] for zone in sorted(cpus)}
    for entry in ready:
        homes[entry["zone"]].append(entry["addresses"][0])
    given = {address: zone for zone, addresses in homes.items() for address in addresses}
    for zone, addresses in homes.items():
        while len(addresses) < wanted[zone].minimum:
            giver = max(homes, key=lambda other: (len(homes[other]) - wanted[other].desired, other))
            if len(homes[giver]) <= wanted[giver].minimum:
                raise NoHints(OVERLOADED)
            lent = homes[giver].pop()
            addresses.append(lent)
            given[lent] = zone
    return given


def by_zone(entry: Obj, zones: Mapping[str, str]) -> Obj:
    """An endpoint with the zone that ``allocate`` gave it."""
    zone = zones.get(entry["addresses"][0])
    return {**entry, "hints": {"forZones": [{"name": zone}]}} if zone else entry
