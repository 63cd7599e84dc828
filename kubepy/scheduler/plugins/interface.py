"""What a plugin is: subclasses of these, as many of them as it has extension points (docs/scheduler.md).

A plugin is made once per profile, by a factory that gets its arguments and a `Handle`. The methods named
`prepare` run once per attempt, the others for nodes. All but Reserve and PreBind are pure: they look at the
pod and the picture of the cluster, and answer.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from kubepy.client import Client
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.scheduler.cache import Cache
from kubepy.scheduler.events import Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Bools, Ints
from kubepy.scheduler.pod_info import PodInfo
from kubepy.util.clock import Clock

MAX_SCORE = 100
SKIP: Any = object()
"""What `prepare` returns when the plugin has nothing to say about this pod."""


class Status(NamedTuple):
    """Why not, in Kubernetes' words. ``unresolvable``: removing other pods would not help."""

    reasons: tuple[str, ...]
    unresolvable: bool = False


class Rejected(Exception):
    """Raised by `prepare`: no node at all will do."""

    def __init__(self, status: Status) -> None:
        super().__init__(", ".join(status.reasons))
        self.status = status


class Listers(Protocol):
    """What the informers know."""

    def get(self, gvr: GVR, name: str, namespace: str | None = None) -> Obj | None: ...

    def list(self, gvr: GVR, namespace: str | None = None) -> list[Obj]: ...


@dataclass(frozen=True)
class Handle:
    """What a plugin may hold on to. `client` is None where nothing may be written (a dry run, a test).

    Chance comes from `rng` alone, so that a run can be repeated.
    """

    listers: Listers
    clock: Clock
    client: Client | None = None
    rng: random.Random = field(default_factory=random.Random)


@dataclass
class Cycle:
    """One attempt to place one pod. `notes` is for what a plugin keeps from filtering to binding."""

    pod: PodInfo
    cache: Cache
    listers: Listers
    notes: dict[str, Any] = field(default_factory=dict)


class Plugin(ABC):
    """What all plugins are; ``name`` is what profiles call it."""

    name: ClassVar[str]

    def interests(self) -> Sequence[Interest]:
        """The events that may help a pod which this plugin rejected."""
        return ()


class PreEnqueuePlugin(Plugin):
    """Keeps pods out of the queue that are not to be tried yet."""

    @abstractmethod
    def pre_enqueue(self, pod: Obj) -> Status | None:
        """Why the pod is not to be tried now; None when it may."""


class FilterPlugin(Plugin):
    """Says which nodes cannot take the pod.

    ``static``: the mask follows from the pod's shape and the nodes' labels, taints and unschedulable alone,
    and is kept until one of them changes.
    """

    static: ClassVar[bool] = False

    def prepare(self, cycle: Cycle) -> Any:
        """Whatever is worth working out once for all nodes; SKIP when no node can fail; raises Rejected."""
        return None

    def mask(self, cycle: Cycle, state: Any) -> Bools | None:
        """The rows that pass, all at once; None: `filter` is asked node by node."""
        return None

    @abstractmethod
    def filter(self, cycle: Cycle, state: Any, node: NodeInfo) -> Status | None:
        """Why not this node; None when it may. Agrees with `mask`."""


class ScorePlugin(Plugin):
    """Says how well the nodes that remain suit the pod."""

    def prepare_score(self, cycle: Cycle, rows: Ints) -> Any:
        """Whatever is worth working out once; SKIP when all are equal."""
        return None

    @abstractmethod
    def scores(self, cycle: Cycle, state: Any, rows: Ints) -> Ints:
        """A whole number for each row."""

    def normalize(self, cycle: Cycle, state: Any, rows: Ints, scores: Ints) -> Ints:
        """Scale to 0..100."""
        return scores


class NodeScorePlugin(ScorePlugin):
    """Scores node by node: less to write, more to wait for."""

    @abstractmethod
    def score(self, cycle: Cycle, state: Any, node: NodeInfo) -> int:
        """The number for one node."""

    def scores(self, cycle: Cycle, state: Any, rows: Ints) -> Ints:
        table = cycle.cache.table
        return np.array([self.score(cycle, state, table.at(int(row))) for row in rows], np.int64)


class ReservePlugin(Plugin):
    """Takes what the pod will use on the node that was chosen, before it is bound."""

    @abstractmethod
    def reserve(self, cycle: Cycle, node: str) -> Status | None:
        """Why it cannot be had; None when it is taken."""

    @abstractmethod
    def unreserve(self, cycle: Cycle, node: str) -> None:
        """Give it back; also called when `reserve` failed."""


class PreBindPlugin(Plugin):
    """Does what has to be done before the pod may run on the node."""

    @abstractmethod
    async def pre_bind(self, cycle: Cycle, node: str) -> Status | None:
        """Why it could not be done; None when it is done. May take minutes."""


Factory = Callable[[Mapping[str, Any], Handle], Plugin]
"""(arguments from the profile's pluginConfig, handle) -> plugin"""


def normalized(scores: Ints, *, reverse: bool = False) -> Ints:
    """Scale to 0..100 by the highest; ``reverse``: the highest becomes 0."""
    highest = int(scores.max(initial=0))
    if highest == 0:
        return np.full(len(scores), MAX_SCORE, np.int64) if reverse else scores
    scaled = scores * MAX_SCORE // highest
    return MAX_SCORE - scaled if reverse else scaled
