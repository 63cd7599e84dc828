"""What every view of a cluster offers alike, from whichever thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from kubepy.client import ClientConfig
from kubepy.testing.waiting import RecordedEvent, Waiting

if TYPE_CHECKING:
    from kubepy.testing.control_plane import ControlPlane
    from kubepy.testing.faults import Faults
    from kubepy.testing.pods import Pods
    from kubepy.testing.trace import Trace


class Face(ABC):
    """A cluster's address, identities, faults and records."""

    @property
    @abstractmethod
    def plane(self) -> ControlPlane:
        """The running components. Raises RuntimeError before `start`."""

    @property
    def kubeconfig(self) -> str:
        """Path of the administrator's kubeconfig, for any client."""
        return str(self.plane.kubeconfig)

    @property
    def url(self) -> str:
        """Where the API server listens: https, on the loopback."""
        return self.plane.url

    @property
    def client_config(self) -> ClientConfig:
        """Server and administrator for clients of your own."""
        return ClientConfig.from_kubeconfig(self.kubeconfig)

    def config_for(self, user: str, *groups: str) -> ClientConfig:
        """The same server as another user: authorized as that user, by impersonation."""
        return replace(self.client_config, impersonate=user, impersonate_groups=groups)

    @property
    def faults(self) -> Faults:
        """What shall go wrong."""
        return self.plane.faults

    @property
    def pods(self) -> Pods:
        """What the simulated pods say."""
        return self.plane.pods

    @property
    def trace(self) -> Trace:
        """What was asked of the API server."""
        return self.plane.trace

    @property
    def nodes(self) -> list[str]:
        """The simulated nodes' names."""
        return self.plane.nodes.names

    def events(
        self, *, involved: str = "", namespace: str = "", reason: str = "", type_: str = ""
    ) -> list[RecordedEvent]:
        """The Events of the API, oldest first. `involved`: "Pod/web-0", or "web-0"."""
        return self.plane.call(
            lambda: Waiting(self.plane).events(
                involved=involved, namespace=namespace, reason=reason, type_=type_
            )
        )
