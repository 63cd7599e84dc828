"""The CNI network configuration list of a node: bridge, host-local, portmap (and loopback by the runtime)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FILE_NAME = "10-kubepy.conflist"
CNI_VERSION = "1.0.0"
BRIDGE = "cni0"
SUFFIXES = (".conflist", ".conf", ".json")


def conflist(node_name: str, pod_cidrs: Sequence[str], data_dir: Path, mtu: int = 0) -> dict[str, Any]:
    """The configuration list for a node whose pods live in `pod_cidrs`.

    The network's name carries the node's: several nodes may share one host, and with it the folder in which
    CNI keeps results by network. `data_dir` holds host-local's leases for the same reason. Nothing is
    masqueraded here: pods see each other's true addresses, on other nodes too.
    """
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "dataDir": str(data_dir),
            "ranges": [[{"subnet": cidr}] for cidr in pod_cidrs],
        },
    }
    if mtu:
        bridge["mtu"] = mtu
    return {
        "cniVersion": CNI_VERSION,
        "name": f"kubepy-{node_name}",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}],
    }


def write_conflist(directory: Path, content: dict[str, Any]) -> bool:
    """Write the list into `directory`, all at once; whether that changed anything."""
    path = directory / FILE_NAME
    text = json.dumps(content, indent=2) + "\n"
    if path.is_file() and path.read_text() == text:
        return False
    directory.mkdir(parents=True, exist_ok=True)
    draft = directory / f".{FILE_NAME}.{os.getpid()}"  # the runtime reads names that end in .conflist only
    draft.write_text(text)
    draft.rename(path)
    return True


def conflist_present(directory: Path) -> bool:
    """Whether some network is configured, ours or another plugin's."""
    return directory.is_dir() and any(p.suffix in SUFFIXES for p in directory.iterdir())
