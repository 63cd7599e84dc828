"""Save, restore or check a snapshot of the cluster's state (docs/disaster-recovery.md)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import anyio

from kubepy.apiserver.config import APIServerConfig
from kubepy.storage.etcd.options import EtcdOptions
from kubepy.storage.interface import StorageError
from kubepy.storage.snapshots import files
from kubepy.storage.snapshots.save import save
from kubepy.util import config
from kubepy.util.clock import SystemClock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="save|restore|status")
    one = verbs.add_parser("save", help="write a snapshot; servers may be running")
    one.add_argument("file", type=Path, help="the file to write")
    one.add_argument("--config", type=Path, help="the API server's configuration, which names the storage")
    one.add_argument("--storage", help="sqlite:///path or etcd://host:port,..., instead of --config")
    one.add_argument("--etcd-cafile", type=Path, help="the certificate authority of the etcd members")
    one.add_argument("--etcd-certfile", type=Path, help="the client certificate for etcd")
    one.add_argument("--etcd-keyfile", type=Path, help="its key")
    two = verbs.add_parser(
        "restore", help="make a new data file or etcd data directory; no server may use it"
    )
    two.add_argument("file", type=Path, help="the snapshot")
    two.add_argument(
        "--data",
        type=Path,
        required=True,
        action="append",
        help="the SQLite file, or the data directory of an etcd member (once per member), to make",
    )
    two.add_argument(
        "--bump-revision", type=int, default=files.BUMP, help="how far to move the revision on (%(default)s)"
    )
    three = verbs.add_parser("status", help="check a snapshot and show what is in it")
    three.add_argument("file", type=Path, help="the snapshot")


def run(arguments: argparse.Namespace) -> int:
    verb = {"save": _save, "restore": _restore, "status": _status}[arguments.verb]
    try:
        verb(arguments)
    except (StorageError, OSError, config.ConfigError) as error:
        print(f"kubepy snapshot {arguments.verb}: {error}", file=sys.stderr)
        return 1
    return 0


def _save(arguments: argparse.Namespace) -> None:
    if (arguments.config is None) == (arguments.storage is None):
        raise StorageError("either --config or --storage is needed")
    if arguments.config is not None:
        settings = config.load(APIServerConfig, arguments.config)
        url = settings.storage
        etcd = EtcdOptions(settings.etcd_ca_file, settings.etcd_cert_file, settings.etcd_key_file)
    else:
        url = arguments.storage
        etcd = EtcdOptions(arguments.etcd_cafile, arguments.etcd_certfile, arguments.etcd_keyfile)

    async def main() -> None:
        await save(url, arguments.file, SystemClock(), etcd)

    anyio.run(main)
    _status(arguments)


def _restore(arguments: argparse.Namespace) -> None:
    if arguments.bump_revision < 1:
        raise StorageError("--bump-revision must be at least 1")
    for target in arguments.data:
        revision = files.restore(arguments.file, target, bump=arguments.bump_revision)
        print(f"{target} made, it begins at revision {revision}")
    if files.status(arguments.file).kind == "etcd":
        print(
            "Start each member with its directory as --data-dir and the flags of a new cluster"
            " (--initial-cluster, --initial-cluster-state new)."
        )


def _status(arguments: argparse.Namespace) -> None:
    found = files.status(arguments.file)
    print(f"{arguments.file}: {found.kind}, whole")
    print(f"  sha256    {found.digest}")
    print(f"  revision  {found.revision}")
    print(f"  keys      {found.keys}")
    print(f"  size      {found.size_bytes} bytes")
