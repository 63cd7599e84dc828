"""``kubepy status``: what runs on each machine, read from the supervisors; the nodes, from the API server."""

from __future__ import annotations

from dataclasses import dataclass

from kubepy.cluster.paths import Paths
from kubepy.cluster.processes import Process, read_pidfile
from kubepy.cluster.supervisor import ComponentState, read_states
from kubepy.cluster.topology import Machine, Topology


@dataclass(frozen=True)
class MachineStatus:
    """One machine: whether its supervisor lives, and its components as (name, state, alive)."""

    machine: Machine
    running: bool
    components: tuple[tuple[str, ComponentState, bool], ...]

    @property
    def healthy(self) -> bool:
        return self.running and all(alive and state.ready for _, state, alive in self.components)


def machine_status(topology: Topology, paths: Paths) -> list[MachineStatus]:
    """The state of every machine of the cluster."""
    found = []
    for machine in topology.everything:
        run = paths.machine_run(machine.name)
        components = tuple(
            (name, state, bool(state.pid) and Process.of(state.pid) is not None)
            for name, state in read_states(run).items()
        )
        found.append(MachineStatus(machine, read_pidfile(run / "supervisor.pid") is not None, components))
    return found
