"""Services: cluster IPs and node ports, each given to one Service only.

An address in use is an IPAddress object of its name, as in Kubernetes since 1.33; a port in use is a key of
its number. Creating such a key is the reservation, so that servers on one storage never give one thing twice.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable

from kubepy.api import resources as r
from kubepy.api.validation.cluster_ips import validate_cluster_ips
from kubepy.apiserver.cacher import Cacher, encoding, keys
from kubepy.apiserver.registry.strategy import Strategy, Undo
from kubepy.machinery import errors
from kubepy.machinery.errors import Cause
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.storage import Backend, ConflictError, KeyExistsError
from kubepy.util.clock import Clock
from kubepy.util.uids import uuid4

_PORTS_PREFIX = "ranges/servicenodeports/"
_TRIES = 64
_SERVICE = GK("", "Service")
_FAMILIES = ("IPv4", "IPv6")


def static_band(size: int, step: int, most: int) -> int:
    """How many at the start of a range are left to those who choose for themselves."""
    return 0 if size <= 16 else max(16, min(size // step, most))


class Reservations:
    """Keys of one kind in the storage: who makes one has it."""

    def __init__(self, backend: Backend, cacher: Cacher, clock: Clock) -> None:
        self._backend = backend
        self._cacher = cacher
        self._clock = clock

    async def take(self, prefix: str, name: str, obj: Obj, *, dry_run: bool, insist: bool = False) -> bool:
        """True when it is ours now.

        With `insist` the storage is asked even when it looks taken: another server may just have released it.
        """
        if self._cacher.resource(prefix).get(name) is not None and (dry_run or not insist):
            return False
        if dry_run:
            return True
        # A uid of its own: by uids the garbage collector tells objects apart.
        obj["metadata"] |= {
            "name": name,
            "uid": uuid4(),
            "creationTimestamp": rfc3339(self._clock.time()),
        }
        try:
            await self._backend.create(f"{keys.ROOT}{prefix}{name}", encoding.encode(obj))
        except KeyExistsError:
            return False
        return True

    async def release(self, prefix: str, name: str) -> None:
        """Give it back; one that is gone already is no error."""
        kv = await self._backend.get(f"{keys.ROOT}{prefix}{name}")
        if kv is not None:
            try:
                await self._backend.delete(kv.key, kv.revision)
            except ConflictError:
                return

    def names(self, prefix: str) -> list[str]:
        """What is taken."""
        return list(self._cacher.resource(prefix).entries)


class ServiceStrategy(Strategy):
    """Gives a Service its addresses and ports, and takes them back."""

    def __init__(self, reservations: Reservations, cidr: str, ports: tuple[int, int]) -> None:
        super().__init__(r.SERVICES)
        self._reservations = reservations
        self._network = ipaddress.ip_network(cidr)
        self._ports = ports
        self._ip_prefix = keys.prefix(r.BY_GVR[r.IP_ADDRESSES])
        self._suspects: set[tuple[str, str]] = set()

    async def begin_create(self, obj: Obj, *, dry_run: bool) -> Undo | None:
        """Allocate for a new Service."""
        return await self._allocate(obj, {}, dry_run=dry_run)

    async def begin_update(self, obj: Obj, old: Obj, *, dry_run: bool) -> Undo | None:
        """Allocate what is new."""
        return await self._allocate(obj, old, dry_run=dry_run)

    async def after_update(self, obj: Obj, old: Obj) -> None:
        """Give back what a change of the type or of the ports left unused."""
        kept = set(_addresses(obj))
        for address in _addresses(old):
            if address not in kept:
                await self._reservations.release(self._ip_prefix, address)
        kept_ports = set(_node_ports(obj))
        for port in _node_ports(old):
            if port not in kept_ports:
                await self._reservations.release(_PORTS_PREFIX, str(port))

    async def after_delete(self, obj: Obj) -> None:
        """Give everything back."""
        for address in _addresses(obj):
            await self._reservations.release(self._ip_prefix, address)
        for port in _node_ports(obj):
            await self._reservations.release(_PORTS_PREFIX, str(port))

    async def _allocate(self, obj: Obj, old: Obj, *, dry_run: bool) -> Undo | None:
        taken: list[tuple[str, str]] = []

        async def undo() -> None:
            if not dry_run:
                for prefix, name in taken:
                    await self._reservations.release(prefix, name)

        try:
            await self._allocate_addresses(obj, old, taken, dry_run=dry_run)
            await self._allocate_ports(obj, old, taken, dry_run=dry_run)
        except errors.StatusError:
            await undo()
            raise
        return undo

    # --- addresses

    async def _allocate_addresses(
        self, obj: Obj, old: Obj, taken: list[tuple[str, str]], *, dry_run: bool
    ) -> None:
        spec = obj["spec"]
        if spec.get("type") == "ExternalName":
            return
        normalize_cluster_ips(spec, old.get("spec") or {})
        self._families(obj)
        if spec.get("clusterIP") == "None":
            return
        wanted = spec.get("clusterIP") or ""
        if wanted and wanted in _addresses(old):
            return
        if validate_cluster_ips(spec):
            return  # validation says what is wrong with it
        address = await (
            self._take_address(obj, wanted, dry_run) if wanted else self._any_address(obj, dry_run)
        )
        taken.append((self._ip_prefix, address))
        spec["clusterIP"], spec["clusterIPs"] = address, [address]

    def _families(self, obj: Obj) -> None:
        """Default ipFamilyPolicy and ipFamilies to what a cluster of one family has. Raises 422."""
        spec = obj["spec"]
        own = f"IPv{self._network.version}"
        headless = spec.get("clusterIP") == "None"
        if headless and not spec.get("selector"):
            # Whoever manages the endpoints may have any, also of the family the cluster has not.
            policy = spec.setdefault("ipFamilyPolicy", "RequireDualStack")
            families = spec.setdefault("ipFamilies", [own])
            if policy != "SingleStack" and len(families) == 1 and families[0] in _FAMILIES:
                families.append(_FAMILIES[1 - _FAMILIES.index(families[0])])
            return
        causes: list[Cause] = []
        policy = spec.setdefault("ipFamilyPolicy", "SingleStack")
        if policy == "RequireDualStack":
            detail = "this cluster is not configured for dual-stack services"
            causes.append(errors.invalid_value("spec.ipFamilyPolicy", policy, detail))
        families = spec.get("ipFamilies") or []
        causes += [
            errors.invalid_value(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")
            for index, family in enumerate(families)
            if family in _FAMILIES and family != own
        ]
        if causes:
            raise errors.invalid(_SERVICE, obj["metadata"].get("name", ""), causes)
        if not families:
            spec["ipFamilies"] = [own]

    async def _take_address(self, obj: Obj, wanted: str, dry_run: bool) -> str:
        name = obj["metadata"].get("name", "")
        detail = ""
        try:
            parsed = ipaddress.ip_address(wanted)
        except ValueError:
            return wanted  # validation says what is wrong with it
        if parsed not in self._network or parsed in (
            self._network.network_address,
            self._network.broadcast_address,
        ):
            detail = f"failed to allocate IP {wanted}: the provided IP ({wanted}) is not in the valid range. "
            detail += f"The range of valid IPs is {self._network}"
        elif not await self._reserve_address(obj, str(parsed), dry_run, insist=True):
            detail = f"failed to allocate IP {wanted}: provided IP is already allocated"
        if detail:
            cause = errors.invalid_value("spec.clusterIPs", [wanted], detail)
            raise errors.invalid(_SERVICE, name, [cause])
        return str(parsed)

    async def _any_address(self, obj: Obj, dry_run: bool) -> str:
        size = self._network.num_addresses
        offset = static_band(size, 16, 256)
        # The first address is the network's, the last the broadcast's.
        dynamic, static = range(max(offset, 1), size - 1), range(1, max(offset, 1))
        first = self._network.network_address
        for _ in range(min(_TRIES, len(dynamic))):
            address = str(first + random.choice(dynamic))
            if await self._reserve_address(obj, address, dry_run):
                return address
        used = set(self._reservations.names(self._ip_prefix))
        for number in (*dynamic, *static):
            address = str(first + number)
            if address not in used and await self._reserve_address(obj, address, dry_run):
                return address
        raise errors.internal_error("failed to allocate a serviceIP: range is full")

    async def _reserve_address(self, obj: Obj, address: str, dry_run: bool, *, insist: bool = False) -> bool:
        metadata = obj["metadata"]
        reservation: Obj = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {
                "labels": {
                    "ipaddress.kubernetes.io/ip-family": f"IPv{self._network.version}",
                    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
                },
            },
            "spec": {
                "parentRef": {
                    "group": "",
                    "resource": "services",
                    "namespace": metadata.get("namespace", ""),
                    "name": metadata.get("name", ""),
                }
            },
        }
        return await self._reservations.take(
            self._ip_prefix, address, reservation, dry_run=dry_run, insist=insist
        )

    # --- ports

    async def _allocate_ports(
        self, obj: Obj, old: Obj, taken: list[tuple[str, str]], *, dry_run: bool
    ) -> None:
        spec, before = obj["spec"], set(_node_ports(old))
        kind = spec.get("type")
        wants = kind == "NodePort" or (
            kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
        )
        for position, port in enumerate(spec.get("ports") or ()):
            number = port.get("nodePort")
            if number and number not in before:
                shared = any(p.get("nodePort") == number for p in spec["ports"][:position])
                if not shared:
                    await self._take_port(obj, position, number, taken, dry_run)
            elif not number and wants:
                port["nodePort"] = await self._any_port(taken, dry_run)
        if kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
            number = spec.get("healthCheckNodePort")
            if not number:
                spec["healthCheckNodePort"] = await self._any_port(taken, dry_run)
            elif number not in before:
                await self._take_port(obj, -1, number, taken, dry_run)

    async def _take_port(
        self, obj: Obj, position: int, number: int, taken: list[tuple[str, str]], dry_run: bool
    ) -> None:
        low, high = self._ports
        detail = ""
        if not low <= number <= high:
            detail = f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
        elif not await self._reservations.take(
            _PORTS_PREFIX, str(number), _port_object(), dry_run=dry_run, insist=True
        ):
            detail = "provided port is already allocated"
        if detail:
            path = f"spec.ports[{position}].nodePort" if position >= 0 else "spec.healthCheckNodePort"
            cause = errors.invalid_value(path, number, detail)
            raise errors.invalid(_SERVICE, obj["metadata"].get("name", ""), [cause])
        taken.append((_PORTS_PREFIX, str(number)))

    async def _any_port(self, taken: list[tuple[str, str]], dry_run: bool) -> int:
        low, high = self._ports
        start = low + static_band(high - low + 1, 32, 128)
        dynamic, static = range(start, high + 1), range(low, start)
        taken_here = {name for prefix, name in taken if prefix == _PORTS_PREFIX}
        number: int
        for number in (*random.sample(dynamic, min(_TRIES, len(dynamic))), *dynamic, *static):
            if dry_run and str(number) in taken_here:
                continue
            if await self._reservations.take(_PORTS_PREFIX, str(number), _port_object(), dry_run=dry_run):
                taken.append((_PORTS_PREFIX, str(number)))
                return number
        raise errors.internal_error("failed to allocate a nodePort: range is full")

    # --- repair

    async def repair(self, services: Iterable[Obj]) -> None:
        """Give back what no Service uses, take what a Service uses and nobody has reserved.

        What looks unused may belong to a Service that is just being made: it goes only when it still looks
        so at the next repair.
        """
        addresses = set(self._reservations.names(self._ip_prefix))
        ports = set(self._reservations.names(_PORTS_PREFIX))
        used_addresses: dict[str, Obj] = {}
        used_ports: set[str] = set()
        for service in services:
            used_addresses |= dict.fromkeys(_addresses(service), service)
            used_ports |= {str(port) for port in _node_ports(service)}
        unused = {(self._ip_prefix, address) for address in addresses - used_addresses.keys()}
        unused |= {(_PORTS_PREFIX, port) for port in ports - used_ports}
        for prefix, name in unused & self._suspects:
            await self._reservations.release(prefix, name)
        self._suspects = unused
        for address, service in used_addresses.items():
            if address not in addresses:
                await self._reserve_address(service, address, dry_run=False)
        for port in used_ports - ports:
            await self._reservations.take(_PORTS_PREFIX, port, _port_object(), dry_run=False)


def normalize_cluster_ips(spec: Obj, old: Obj) -> None:
    """Make clusterIPs follow clusterIP where a client knows only the older field."""
    first, addresses = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    if not old:
        if first and not addresses:
            spec["clusterIPs"] = [first]
        return
    if addresses != (old.get("clusterIPs") or []):
        return
    was = old.get("clusterIP") or ""
    if was and not first:
        spec.pop("clusterIPs", None)
    elif first and first != was:
        spec["clusterIPs"] = [first, *addresses[1:]]


def _port_object() -> Obj:
    return {"apiVersion": "v1", "kind": "RangeAllocation", "metadata": {}}


def _addresses(service: Obj) -> list[str]:
    spec = service.get("spec") or {}
    listed = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return [address for address in listed if address and address != "None"]


def _node_ports(service: Obj) -> list[int]:
    spec = service.get("spec") or {}
    ports = [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
    if spec.get("healthCheckNodePort"):
        ports.append(spec["healthCheckNodePort"])
    return ports
