"""Make this machine the master of a cluster: keys, configuration, services, add-ons. Run it again to repair
it, and after an upgrade. The packages and units come from deploy/install.sh."""

from __future__ import annotations

import argparse

import anyio
from rich.console import Console

from kubepy.bootstrap import master, tokens
from kubepy.bootstrap.settings import ETCD, ClusterSettings
from kubepy.cmd.locations import paths_from_root
from kubepy.cmd.machines import add_node_name, told_refusals
from kubepy.cmd.progress import ConsoleReport
from kubepy.util.clock import SystemClock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = ClusterSettings()
    add_node_name(parser)
    parser.add_argument(
        "--apiserver-advertise-address",
        default="",
        metavar="ADDRESS",
        help="the address at which the other machines reach this one (that of the default route)",
    )
    parser.add_argument("--pod-network-cidr", default="", help=f"the pods' network ({defaults.pod_cidr})")
    parser.add_argument("--service-cidr", default="", help=f"the services' network ({defaults.service_cidr})")
    parser.add_argument("--service-dns-domain", default="", help=f"({defaults.cluster_domain})")
    parser.add_argument(
        "--etcd",
        action="store_true",
        help="keep the state in etcd, so that more masters may join (without: SQLite, one master)",
    )
    parser.add_argument("--token", default="", help="the first bootstrap token (one is made)")
    parser.add_argument("--token-ttl", default="24h", help="how long it is valid (24h)")


def run(arguments: argparse.Namespace) -> int:
    clock, paths = SystemClock(), paths_from_root()

    def work() -> int:
        if arguments.token:
            tokens.check(arguments.token)
        wanted = master.settings_for(
            paths, arguments.node_name, arguments.apiserver_advertise_address, _cluster(arguments)
        )
        ttl = tokens.parse_ttl(arguments.token_ttl)
        with ConsoleReport(Console(), clock) as report:
            made = anyio.run(
                lambda: master.init(wanted, paths, clock, report, token=arguments.token, ttl=ttl)
            )
        print(
            f"\n{wanted.node_name} is the master of cluster {wanted.cluster.name} at https://{made.endpoint}\n"
        )
        if made.token:
            print(f"Machines join it with\n\n  {made.command()}\n")
        else:
            print("Machines join it with what `kubepy token create --print-join-command` prints.\n")
        if wanted.cluster.on_etcd:
            print("More masters join it with what `kubepy token create --control-plane` prints.\n")
        return 0

    return told_refusals("init", work)


def _cluster(arguments: argparse.Namespace) -> ClusterSettings | None:
    """None when nothing was said."""
    given = {
        "pod_cidr": arguments.pod_network_cidr,
        "service_cidr": arguments.service_cidr,
        "cluster_domain": arguments.service_dns_domain,
        "storage": ETCD if arguments.etcd else "",
    }
    chosen = {key: value for key, value in given.items() if value}
    return ClusterSettings(**chosen) if chosen else None
