"""What every controller is given."""

from __future__ import annotations

from dataclasses import dataclass

from kubepy.client import Client, EventRecorder
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.informer import SharedInformerFactory
from kubepy.util.clock import Clock


@dataclass(frozen=True)
class Context:
    """The controller-manager's hands: client, caches, events, time, configuration."""

    client: Client
    factory: SharedInformerFactory
    recorder: EventRecorder
    clock: Clock
    config: ControllerManagerConfig
