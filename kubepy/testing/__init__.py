"""A true cluster inside a test: kubepy's own API server, controllers, scheduler and simulated nodes.

`Cluster` (asynchronous) and `SyncCluster` (in a thread) are what tests hold, `face` what both have, `plugin`
gives pytest the fixtures `kube_cluster`, `kube_cluster_module` and `kube_cluster_session`. Below:
`control_plane` composes the components in one event loop, `clock` is their time, `dispatcher` sees every
request, `settling` tells when all is at rest, `faults`, `pods`, `trace`, `snapshots` and `waiting` are what
their names say.

The components are the real ones and are imitated nowhere; what a test needs of them is hooked in from here.
Imports nothing that only Linux has, needs no root, and listens on the loopback only.
"""

import importlib
from typing import TYPE_CHECKING, Any

from kubepy.util.lean_imports import lean

if TYPE_CHECKING:
    from kubepy.testing.clock import VirtualClock
    from kubepy.testing.cluster import Cluster
    from kubepy.testing.control_plane import Options
    from kubepy.testing.faults import Fault, Faults
    from kubepy.testing.settling import Unsettled
    from kubepy.testing.snapshots import Snapshot
    from kubepy.testing.sync import SyncCluster
    from kubepy.testing.trace import Request, Trace
    from kubepy.testing.waiting import NotSeen, RecordedEvent

# Imported when first asked for: pytest loads the plugin in every run, also in those without a cluster.
_LATE = {
    "VirtualClock": "kubepy.testing.clock",
    "Cluster": "kubepy.testing.cluster",
    "Options": "kubepy.testing.control_plane",
    "Fault": "kubepy.testing.faults",
    "Faults": "kubepy.testing.faults",
    "Unsettled": "kubepy.testing.settling",
    "Snapshot": "kubepy.testing.snapshots",
    "SyncCluster": "kubepy.testing.sync",
    "Request": "kubepy.testing.trace",
    "Trace": "kubepy.testing.trace",
    "NotSeen": "kubepy.testing.waiting",
    "RecordedEvent": "kubepy.testing.waiting",
}

__all__ = [
    "Cluster",
    "Fault",
    "Faults",
    "NotSeen",
    "Options",
    "RecordedEvent",
    "Request",
    "Snapshot",
    "SyncCluster",
    "Trace",
    "Unsettled",
    "VirtualClock",
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        with lean():
            return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
