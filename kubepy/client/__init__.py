"""Talking to a Kubernetes API server: any, not only kubepy's.

`Client` (rest.py) has one method per verb and works on plain dicts; `ClientConfig` and `kubeconfig` say where
the server is and who is calling; `EventRecorder` and `LeaderElector` are built on them.

aiohttp is used here and is not visible in the methods others call. This package may import `machinery` and
`util`; it caches no objects (the informer does).
"""

from kubepy.client.config import ClientConfig
from kubepy.client.errors import ConnectionFailed
from kubepy.client.events import EventRecorder
from kubepy.client.kubeconfig import KubeconfigError
from kubepy.client.leader_election import LeaderElector, LeadershipLost
from kubepy.client.rest import Client, RawResponse, WatchEvent

__all__ = [
    "Client",
    "ClientConfig",
    "ConnectionFailed",
    "EventRecorder",
    "KubeconfigError",
    "LeaderElector",
    "LeadershipLost",
    "RawResponse",
    "WatchEvent",
]
