"""Bootstrap tokens, with which machines join: create, list, delete. On the master, or with a kubeconfig."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path

import anyio
from rich.console import Console
from rich.table import Table

from kubepy.bootstrap import shared_keys, tokens
from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.invitation import ca_hash
from kubepy.client import Client, ClientConfig
from kubepy.cmd.locations import paths_from_root
from kubepy.cmd.machines import told_refusals
from kubepy.machinery.timestamps import human_duration, rfc3339
from kubepy.util.clock import SystemClock

MASTER_TTL = timedelta(hours=2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", type=Path, help="(/etc/kubepy/admin.kubeconfig)")
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make one, and print it")
    create.add_argument("token", nargs="?", default="", help="the token (one is made)")
    create.add_argument(
        "--ttl", default="", help="how long it is valid; 0 for ever (24h; with --control-plane 2h at most)"
    )
    create.add_argument("--description", default="", help="what for")
    create.add_argument("--print-join-command", action="store_true", help="print what to run on a worker")
    create.add_argument(
        "--control-plane",
        action="store_true",
        help="on a master: keep its keys in the cluster, encrypted, as long as the token; print what to run "
        "on a machine that becomes one more master",
    )
    actions.add_parser("list", help="show them")
    delete = actions.add_parser("delete", help="make some invalid")
    delete.add_argument("tokens", nargs="+", metavar="TOKEN", help="token or id")


def run(arguments: argparse.Namespace) -> int:
    actions = {"create": _create, "list": _list, "delete": _delete}

    async def work() -> int:
        path = arguments.kubeconfig or paths_from_root().admin_kubeconfig
        config = ClientConfig.from_kubeconfig(path)
        async with Client(config, user_agent="kubepy-token", clock=SystemClock()) as client:
            return await actions[arguments.action](arguments, client, config)

    return told_refusals("token", lambda: anyio.run(work))


async def _create(arguments: argparse.Namespace, client: Client, config: ClientConfig) -> int:
    token = arguments.token or tokens.generate()
    tokens.check(token)
    ttl = tokens.parse_ttl(arguments.ttl or ("2h" if arguments.control_plane else "24h"))
    if arguments.control_plane and not timedelta() < ttl <= MASTER_TTL:
        raise BootstrapError("a token for masters is valid for two hours at most: the keys go with it")
    if arguments.control_plane:
        shared_keys.require(paths_from_root())
    await tokens.create(client, token, SystemClock().now(), ttl, arguments.description)
    if not (arguments.print_join_command or arguments.control_plane):
        print(token)
        return 0
    # Who runs the command at once is not to be refused because the controller-manager is busy.
    within = min(ttl.total_seconds() or tokens.SIGNED_WITHIN, tokens.SIGNED_WITHIN)
    if not await tokens.wait_signed(client, token, SystemClock(), within):
        print(
            "kubepy token: cluster-info does not bear this token's signature yet, so machines are refused: "
            "does the controller-manager run?",
            file=sys.stderr,
        )
    if config.ca_data is None:
        raise BootstrapError("the kubeconfig names no authority: its hash is not known")
    endpoint = config.server.removeprefix("https://")
    command = (
        f"kubepy join {endpoint} --token {token} --discovery-token-ca-cert-hash {ca_hash(config.ca_data)}"
    )
    if arguments.control_plane:
        key = shared_keys.generate()
        await shared_keys.upload(client, paths_from_root(), key, token)
        command += f" --control-plane --certificate-key {key}"
    print(command)
    return 0


async def _list(arguments: argparse.Namespace, client: Client, config: ClientConfig) -> int:
    now = SystemClock().now()
    table = Table(box=None, header_style="bold")
    for column in ("TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS"):
        table.add_column(column, no_wrap=True)
    for token in await tokens.list_tokens(client):
        left = (token.expires - now).total_seconds() if token.expires else None
        ttl = "<forever>" if left is None else "<invalid>" if left <= 0 else human_duration(left)
        expires = rfc3339(token.expires) if token.expires else "<never>"
        description = token.description or "<none>"
        table.add_row(token.text, ttl, expires, ",".join(token.usages), description, token.groups)
    Console(width=200).print(table)
    return 0


async def _delete(arguments: argparse.Namespace, client: Client, config: ClientConfig) -> int:
    for token in arguments.tokens:
        print(f'bootstrap token "{await tokens.delete(client, token)}" deleted')
    return 0
