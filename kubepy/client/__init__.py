"""Talking to a Kubernetes API server: any, not only kubepy's.

`Client` (rest.py) has one method per verb and works on plain dicts, `RESTMapper` knows where a kind is;
`ClientConfig` and `kubeconfig` say where the server is and who is calling; `EventRecorder` and
`LeaderElector` are built on them.

aiohttp is used here and is not visible in the methods others call. This package may import `machinery` and
`util`; it caches no objects (the informer does).
"""

import importlib
from typing import TYPE_CHECKING, Any

from kubepy.client.config import ClientConfig
from kubepy.client.errors import ConnectionFailed
from kubepy.client.kubeconfig import KubeconfigError
from kubepy.client.mapper import MissingKind, RESTMapper
from kubepy.client.rest import Client, RawResponse, WatchEvent

if TYPE_CHECKING:
    from kubepy.client.events import EventRecorder
    from kubepy.client.leader_election import LeaderElector, LeadershipLost

# Imported when first asked for: they bring logging along, which a command-line client starts faster without.
_LATE = {
    "EventRecorder": "kubepy.client.events",
    "LeaderElector": "kubepy.client.leader_election",
    "LeadershipLost": "kubepy.client.leader_election",
}

__all__ = [
    "Client",
    "ClientConfig",
    "ConnectionFailed",
    "EventRecorder",
    "KubeconfigError",
    "LeaderElector",
    "LeadershipLost",
    "MissingKind",
    "RESTMapper",
    "RawResponse",
    "WatchEvent",
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
