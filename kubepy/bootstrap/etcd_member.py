"""This master's member of etcd: joins those that are there as a learner, becomes a voter, leaves.

A learner does not count for the majority: a machine that dies half joined stops nobody.
"""

from __future__ import annotations

from typing import Any

from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.settings import MasterSettings
from kubepy.cluster.etcd import EtcdCluster, EtcdError, peer_url
from kubepy.cluster.paths import Paths
from kubepy.util.clock import Clock

IN_SYNC_WITHIN = 120.0


async def add(node_name: str, address: str, others: list[str], paths: Paths, clock: Clock) -> dict[str, str]:
    """Have the members at ``others`` take a new one; gives all of them then, name: address.

    A member of an earlier life of this machine is removed first: it may have voted, and remembers nothing.
    Raises BootstrapError.
    """
    cluster = EtcdCluster(paths, others, clock)
    try:
        for member in await cluster.members():
            if _is_at(member, address):
                await cluster.call("remove", {"ID": member["ID"]})
        added = await cluster.call("add", {"peerURLs": [peer_url(address)], "isLearner": True})
    except EtcdError as error:
        raise BootstrapError(
            f"this machine cannot become a member of etcd ({error}): all masters must run, with ports 2379 "
            "and 2380 open to this machine; a member that is gone for good has to be removed first, see "
            "docs/machines.md"
        ) from error
    known = {m["name"]: _host(m["peerURLs"][0]) for m in added["members"] if m.get("name")}
    return known | {node_name: address}


async def vote(wanted: MasterSettings, paths: Paths, clock: Clock) -> int:
    """Make it a voter once it knows what the others know; gives the number of voters.

    Raises BootstrapError.
    """
    others = [address for address in wanted.etcd_members.values() if address != wanted.advertise_address]
    cluster = EtcdCluster(paths, others, clock)
    deadline = clock.monotonic() + IN_SYNC_WITHIN
    while True:
        try:
            members = await cluster.members()
            own = [m for m in members if _is_at(m, wanted.advertise_address)]
            if not own:
                raise BootstrapError(
                    "etcd's other members know nothing of this machine any more: kubepy reset, then join"
                )
            if not own[0].get("isLearner"):
                return sum(not m.get("isLearner") for m in members)
            await cluster.call("promote", {"ID": own[0]["ID"]})
        except EtcdError as error:
            if clock.monotonic() > deadline:
                raise BootstrapError(
                    f"this machine's etcd is not in step with the others after {IN_SYNC_WITHIN:.0f} s "
                    f"({error}): journalctl -u kubepy-etcd tells why; then run this command again"
                ) from error
            await clock.sleep(0.25)


async def leave(current: MasterSettings, paths: Paths, clock: Clock) -> str:
    """Take this machine's member out; says what was done, and never fails: the machine goes either way."""
    own = current.advertise_address
    try:
        members = await EtcdCluster(paths, [own], clock).members()
        others = [_host(m["peerURLs"][0]) for m in members if not _is_at(m, own)]
        if not others:
            return "it was etcd's last member"
        cluster = EtcdCluster(paths, others, clock)
        for member in members:
            if _is_at(member, own):
                await cluster.call("remove", {"ID": member["ID"]})
    except (EtcdError, OSError) as error:
        return f"NOT removed from etcd ({error}): do it on another master, see docs/machines.md"
    return f"removed from etcd, which has {len(others)} member{'s' if len(others) > 1 else ''} left"


def _is_at(member: dict[str, Any], address: str) -> bool:
    return peer_url(address) in member.get("peerURLs", ())


def _host(url: str) -> str:
    return url.removeprefix("https://").rpartition(":")[0].strip("[]")
