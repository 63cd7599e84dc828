"""Stages: what becomes of a pod, after which delay, with which likelihood (kwok's idea). Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


@dataclass(frozen=True)
class When:
    """Which pods a stage is for; what is not said does not matter."""

    phases: list[Phase] = field(default_factory=list)
    deleting: bool = False
    ready: bool | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    owner_kinds: list[str] = field(default_factory=list)
    restart_policies: list[str] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    max_restarts: int | None = None

    def matches(self, pod: Obj) -> bool:
        """Whether the pod is as the stage wants it, now."""
        spec, status = pod["spec"], pod.get("status") or {}
        if meta.is_terminating(pod) != self.deleting:
            return False
        if self.phases and (status.get("phase") or "Pending") not in self.phases:
            return False
        if self.ready is not None and conditions.is_true(pod, "Ready") != self.ready:
            return False
        if self.owner_kinds and (meta.controller_of(pod) or {}).get("kind") not in self.owner_kinds:
            return False
        if self.max_restarts is not None and restarts(pod) > self.max_restarts:
            return False
        return (
            self.labels.items() <= meta.labels(pod).items()
            and self.annotations.items() <= meta.annotations(pod).items()
            and (not self.restart_policies or spec.get("restartPolicy", "Always") in self.restart_policies)
            and (not self.namespaces or meta.namespace(pod) in self.namespaces)
            and (not self.nodes or spec.get("nodeName") in self.nodes)
        )


@dataclass(frozen=True)
class StageEvent:
    """An event that the stage records on the pod."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True)
class StageCondition:
    """A condition that the stage sets."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Next:
    """What the stage makes of the pod. `restart`: its containers end with `exit_code` and start again."""

    phase: Phase | None = None
    ready: bool | None = None
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    restart: bool = False
    conditions: list[StageCondition] = field(default_factory=list)
    event: StageEvent | None = None
    delete: bool = False


@dataclass(frozen=True)
class Stage:
    """One step in a pod's life. Of several that match, those of the highest `priority` count, and of these
    one is chosen by `weight`.

    It comes after `delay` seconds and up to `jitter` more.
    """

    name: str
    when: When
    next: Next
    delay: float = 0.0
    jitter: float = 0.0
    weight: int = 1
    priority: int = 0

    def __post_init__(self) -> None:
        if self.delay < 0 or self.jitter < 0 or self.weight < 0:
            raise ValueError(f"stage {self.name}: delay, jitter and weight must not be negative")


DEFAULT_STAGES: tuple[Stage, ...] = (
    Stage("running", When(phases=["Pending"]), Next(phase="Running", ready=True)),
    Stage(
        "completed",
        When(phases=["Running"], owner_kinds=["Job"]),
        Next(phase="Succeeded", ready=False),
        delay=1.0,
    ),
    Stage("deleted", When(deleting=True), Next(delete=True)),
)
"""Pods run at once, those of Jobs succeed after a second, and deleted ones go."""


def choose(stages: Iterable[Stage], pod: Obj, rng: random.Random) -> Stage | None:
    """The stage that comes next for the pod, if any."""
    matching = [stage for stage in stages if stage.weight and stage.when.matches(pod)]
    if len(matching) > 1:
        highest = max(stage.priority for stage in matching)
        matching = [stage for stage in matching if stage.priority == highest]
    if len(matching) < 2:
        return matching[0] if matching else None
    return rng.choices(matching, [stage.weight for stage in matching])[0]


def wait(stage: Stage, rng: random.Random) -> float:
    """The seconds until the stage comes."""
    return stage.delay + (stage.jitter * rng.random() if stage.jitter else 0.0)


def state_of(pod: Obj) -> tuple[object, ...]:
    """What of a pod makes another stage come: while it stays, the stage that was chosen stands."""
    status = pod.get("status") or {}
    return (
        status.get("phase") or "Pending",
        meta.is_terminating(pod),
        conditions.is_true(pod, "Ready"),
        restarts(pod),
        tuple(sorted(meta.labels(pod).items())),
        tuple(sorted(meta.annotations(pod).items())),
    )


def restarts(pod: Obj) -> int:
    """How often the pod's containers have started again, all together."""
    statuses: Sequence[Obj] = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(status.get("restartCount") or 0 for status in statuses)
